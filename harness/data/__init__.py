"""Data: named sets and files, whole user sequences, the split by time, planted worlds."""
