"""Models: layers with a loop around them that trains, evaluates and predicts."""
