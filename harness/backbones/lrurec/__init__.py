"""LRURec: linear recurrent units in the place of attention."""
