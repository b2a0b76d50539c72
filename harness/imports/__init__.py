"""Files of other programs, read as data: nothing in them is run, and none of those programs is imported."""
