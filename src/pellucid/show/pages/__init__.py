"""Pages and displays of results: text, LaTeX and HTML."""
