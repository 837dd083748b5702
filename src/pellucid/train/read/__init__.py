"""First step: reads the user's data. Loaders, data sets, kinds of columns, data that are larger than memory."""
