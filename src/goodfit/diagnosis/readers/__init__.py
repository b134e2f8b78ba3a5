"""Logs that other tools have written, to Observations: recognised by what they hold, not by their name."""
