"""Reference rows without a backbone: counts and neighbours of training events. Uses only numpy and scipy."""
