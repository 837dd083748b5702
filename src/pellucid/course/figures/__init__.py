"""Live figures of the course. Each function returns a figure."""
