"""Observations to findings: what is wrong with a training, with evidence."""
