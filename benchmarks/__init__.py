"""Benchmarks of speed: each compares a subject with its peer and reports ratio and spread."""
