"""The report of runs from any model or framework, given a table with the rank of every user's target."""
