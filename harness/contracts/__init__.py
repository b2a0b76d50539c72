"""Contracts of plug-ins and built-in parts, as functions to call from a test."""
