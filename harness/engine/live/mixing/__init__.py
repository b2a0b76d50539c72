"""Live parts of scorers that add neighbours to the scores."""
