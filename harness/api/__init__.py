"""The Python door: a study by its keys, its plan, its run and its result, for scripts and notebooks."""
