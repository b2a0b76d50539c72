"""Data: sources by name or file, whole user sequences, the leave-one-out split, planted worlds."""
