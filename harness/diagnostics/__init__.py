"""Why a remedy works or does not: the evidence on each claim, measured on a live run that is left as it is."""
