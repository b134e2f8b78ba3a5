"""Figures of a History, findings and an Evaluation."""
