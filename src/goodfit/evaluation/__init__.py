"""Predictions to an Evaluation: metrics with intervals, beside baselines."""
