"""LRURec: linear recurrent units in place of attention."""
