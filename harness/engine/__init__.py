"""The engine that runs a recipe: the system, its memory, the training loop and the evaluation."""
