"""Reading of files from strangers: regular files only, within a budget of memory, with one kind of error per reader.

`SECURITY.md` lists all readers and promises.
"""
