"""Files of other programs, read as data: no code in them is run, and none of these programs is imported."""
