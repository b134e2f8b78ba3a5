"""What goes to stdout and stderr, also where nobody reads it any more."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

__all__ = ["accept_any_text", "remark", "show", "show_bytes", "width"]


CONTROLS = {number: "\ufffd" for number in (*range(32), *range(127, 160)) if chr(number) not in "\n\t"}
"""What would move the cursor or colour the screen, were it in the name of a column."""


def show(text: str) -> None:
    """Print a result on stdout."""
    with _until_closed():
        print(text.translate(CONTROLS), flush=True)


def show_bytes(content: bytes) -> None:
    """Write a result to stdout as it is."""
    with _until_closed():
        binary = getattr(sys.stdout, "buffer", None)
        if binary is None:
            sys.stdout.write(content.decode())
            return
        binary.write(content)
        binary.flush()


def remark(text: str) -> None:
    """Print on stderr, in one line, what is no result."""
    print(" ".join(text.splitlines()).translate(CONTROLS), file=sys.stderr, flush=True)


def width(most: int) -> int:
    """Return the width of the terminal that stdout is, at most ``most``; ``most`` where it is none."""
    return min(most, shutil.get_terminal_size().columns) if sys.stdout.isatty() else most


def accept_any_text() -> None:
    """Let stdout and stderr show a question mark for a character that they do not have."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


@contextmanager
def _until_closed() -> Iterator[None]:
    """End the program quietly where the reader of its output has gone, as ``head`` does."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
