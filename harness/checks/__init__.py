"""What the evidence says: checks on each claim, and rules from evidence to what to try; nothing here imports torch."""
