"""Contracts that plug-ins and built-in parts keep, as functions that a test calls."""
