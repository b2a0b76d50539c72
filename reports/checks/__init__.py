"""Checks of a study: one class per check measures its figures; the texts are in ``harness.checks``."""
