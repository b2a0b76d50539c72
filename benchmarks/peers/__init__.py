"""Peers of the benchmarks: plain textbook implementations, and another library's."""
