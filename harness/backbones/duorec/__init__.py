"""DuoRec: the model, its packed training, and the encoding of every prefix."""
