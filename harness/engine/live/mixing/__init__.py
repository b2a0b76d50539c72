"""Live parts of scorers that let neighbours join the scores."""
