"""The seams of a recipe: the protocol that a spec implements, and the built-in specs."""
