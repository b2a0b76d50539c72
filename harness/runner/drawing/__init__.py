"""What the progress of a run looks like on a terminal."""
