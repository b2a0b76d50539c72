"""The cost of a decision, simulated: a fixed number of seeds against more seeds for undecided arms."""
