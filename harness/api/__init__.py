"""The Python API for scripts and notebooks: a study given by its keys, its plan, its run and its result."""
