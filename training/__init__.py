"""Training, evaluation and publishing of checkpoints."""
