"""An ordinary ``nn.Module`` as a backbone: it encodes a padded batch of histories, and the rest is done for it."""
