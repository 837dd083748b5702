"""Parts of the comparison of recipes: candidates, data, trials and results."""
