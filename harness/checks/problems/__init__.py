"""One file or more per problem of the list, and some beyond it: figures, checks and rules, thresholds and texts."""
