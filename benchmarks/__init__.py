"""Speed, measured: each benchmark runs its subject beside its yardstick in one process and prints ratio and spread."""
