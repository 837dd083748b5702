"""Mutation testing of every reader: damaged files give an object or the reader's own error. See `harness`."""
