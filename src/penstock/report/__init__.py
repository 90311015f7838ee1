"""What a person asks afterwards: a run, a model version and all that made it, two runs side by side."""
