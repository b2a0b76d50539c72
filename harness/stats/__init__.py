"""Paired statistics over seeds and users: pure functions, used by the runner and by reports."""
