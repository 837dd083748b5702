"""Functions as WebAssembly: the C of the native backend, compiled for web pages."""
