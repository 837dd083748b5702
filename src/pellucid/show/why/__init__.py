"""The arithmetic of one array element, traced back through the ops that computed it."""
