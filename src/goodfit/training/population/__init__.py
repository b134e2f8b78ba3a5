"""Many trainings as one: networks stacked along a leading dimension, updated by the same operations."""
