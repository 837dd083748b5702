"""Check of data before training: an overview, and findings such as copies, leaks and rare classes."""
