"""The liveness audit: perturb every parameter of a recipe, one at a time, and measure how far the change reaches."""
