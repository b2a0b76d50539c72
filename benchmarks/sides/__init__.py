"""Measurements of the child processes: functions that prepare and return a function for one round."""
