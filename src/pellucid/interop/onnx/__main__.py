"""``python -m pellucid.interop.onnx``: which operators are read, held against the node tests of the `onnx` package."""

from pellucid.interop.onnx.node_tests import main

if __name__ == "__main__":
    raise SystemExit(main())
