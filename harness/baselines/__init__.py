"""Reference rows without a backbone: counts and neighbours of training events.  numpy and scipy alone."""
