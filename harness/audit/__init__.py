"""The liveness audit: every parameter of a recipe is perturbed, one at a time, to see how far each change reaches."""
