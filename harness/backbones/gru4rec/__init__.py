"""GRU4Rec: a recurrent network over the history, trained by cross-entropy alone."""
