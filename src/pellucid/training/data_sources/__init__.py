"""Kinds of data that `fit`, `evaluate` and `predict` take, and how each is read.

`kinds` lists the kinds of other libraries. `conversion` makes arrays of them, `columns` chooses columns by name,
`samples` reads samples by index, and `items` reads batches from iterables. `opening` decides which of these applies.
"""
