"""Running a study: the coordinator, its dispatcher, and what cells share."""
