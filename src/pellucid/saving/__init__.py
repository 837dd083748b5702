"""Files that hold expressions and models: one safetensors file, with the graph as data and a checksum, and no code."""
