"""The networks of the course as named experiments: ``pellucid run NAME``; one file each."""
