"""Error rates of the report in simulated worlds with known truth."""
