"""What measures evidence beside a run, and leaves the run as it is."""
