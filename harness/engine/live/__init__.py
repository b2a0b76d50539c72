"""The live modules that specs build; they take plain values and tensors."""
