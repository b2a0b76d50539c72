"""Checks of a study: what measures their figures, one class a check; their words are in ``harness.checks``."""
