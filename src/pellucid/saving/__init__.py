"""Files of expressions, models and weights: safetensors, NPZ and Keras formats."""
