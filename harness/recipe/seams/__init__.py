"""The seams of a recipe: a file each, with the frozen specs that can fill it."""
