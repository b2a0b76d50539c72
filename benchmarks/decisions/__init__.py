"""What a decision costs: studies of a fixed number of seeds, and with more seeds where they decide, simulated."""
