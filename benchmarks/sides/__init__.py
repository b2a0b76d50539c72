"""What the child processes measure: modules of functions that prepare and return a function for one round."""
