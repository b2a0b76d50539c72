"""The report of anyone's runs: a table of the rank of every user's target, whatever model and framework it is from."""
