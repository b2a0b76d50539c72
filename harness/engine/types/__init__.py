"""The values that the parts of a run pass to each other."""
