"""Time of backbones and cells: timings of earlier ones, a probe, the expected costs, and the time left of a run."""
