"""The transformer encoder that SASRec and DuoRec share."""
