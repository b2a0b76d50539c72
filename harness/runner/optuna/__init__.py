"""The mirror of a study in an Optuna storage; nothing is decided from it."""
