"""The command line: thin, its training options made from the fields of Recipe."""

from goodfit.cli.main import main

__all__ = ["main"]
