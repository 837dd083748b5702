"""Source code of graphs: NumPy scripts and pellucid programs."""
