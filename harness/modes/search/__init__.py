"""Mode search: the space of an arm, which setting is proposed next, and how the best ones are confirmed."""
