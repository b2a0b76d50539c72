"""Reference rows: baselines, and two backbones averaged, for comparison with the arms."""
