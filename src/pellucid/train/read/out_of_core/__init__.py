"""Samples that are larger than memory: files of rows, images and targets that are read in pieces."""
