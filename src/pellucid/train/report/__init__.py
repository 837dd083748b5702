"""Fifth step: findings, pictures and the HTML page of a run."""
