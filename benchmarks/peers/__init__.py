"""Plain counterparts of what the product does, as a textbook or another library does it: the yardsticks."""
