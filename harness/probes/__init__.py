"""Probes: measure evidence during a run without changing the run."""
