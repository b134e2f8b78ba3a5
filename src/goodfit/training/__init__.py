"""The training engine: the loop, losses, optimizers, schedules, stopping, checkpoints."""
