"""The mirror of a study in an Optuna storage; no decision depends on it."""
