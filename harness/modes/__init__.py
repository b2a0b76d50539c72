"""Modes of a study: which cells it has, and what runs next."""
