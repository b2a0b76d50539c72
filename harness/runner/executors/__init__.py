"""Where cells run: worker processes on this machine, or Ray."""
