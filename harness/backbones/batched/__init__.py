"""An ordinary ``nn.Module`` as a backbone: it encodes a padded batch of histories, and this package does the rest."""
