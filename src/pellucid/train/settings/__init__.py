"""Settings of training runs: experiment files, their template and their JSON Schema."""
