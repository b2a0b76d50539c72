"""Checks of the evidence on each claim, and rules from evidence to what to try; nothing here imports torch."""
