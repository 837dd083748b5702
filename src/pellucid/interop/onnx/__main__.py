"""``python -m pellucid.interop.onnx``: check the supported operators with the node tests of the `onnx` package."""

from pellucid.interop.onnx.node_tests import main

if __name__ == "__main__":
    raise SystemExit(main())
