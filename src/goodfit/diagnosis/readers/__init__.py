"""Logs of other tools to Observations, recognised by content."""
