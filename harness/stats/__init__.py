"""Paired statistics of seeds and users: pure functions, read by the runner and by reports."""
