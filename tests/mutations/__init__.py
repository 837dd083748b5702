"""Small wrong changes of the source, and the tests that notice them. See `harness`."""
