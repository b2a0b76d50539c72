"""The rules of the next study, one file per state of a finished or stopped study."""
