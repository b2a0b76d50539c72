"""From a plan to records: one coordinator owns the study, workers run its cells."""
