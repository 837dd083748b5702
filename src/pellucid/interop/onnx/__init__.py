"""Models and expressions to and from ONNX files."""
