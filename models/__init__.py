"""Labels, records, mentions, encoding and checkpoints: what training and inference share."""
