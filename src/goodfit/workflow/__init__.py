"""Data and a Recipe to a Run: the stages of a training, one after the other."""
