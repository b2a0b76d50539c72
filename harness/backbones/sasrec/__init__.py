"""SASRec: the transformer, trained by cross-entropy alone."""
