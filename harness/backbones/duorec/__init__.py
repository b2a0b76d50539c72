"""DuoRec: SASRec's encoder with a contrastive term."""
