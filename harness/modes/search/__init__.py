"""Mode search: what an arm may be set to, which setting is proposed next, and how the best ones are confirmed."""
