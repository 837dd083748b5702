"""Programs as C: a step of training, or a whole loop of steps, compiled for its exact shapes."""
