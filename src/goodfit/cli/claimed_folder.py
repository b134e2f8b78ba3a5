"""The folder of a run or a search that nobody has named: the first that is free, taken at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from goodfit.files import data_name

__all__ = ["claimed_folder", "free_folder"]


@contextmanager
def claimed_folder(parent: Path, data: Path, prefix: str = "") -> Iterator[Path]:
    """Make the first ``<parent>/<prefix><data name>-<n>`` that is free, so that nobody else takes it.

    If nothing was written to it in the end, as on wrong input, it is removed.
    """
    made_parent = not parent.exists()
    folder = free_folder(parent, data, prefix)
    with suppress(OSError):  # where it cannot be made, whoever writes to it says so in a sentence
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            with suppress(FileExistsError):
                folder.mkdir()
                break
            folder = free_folder(parent, data, prefix)
    try:
        yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()
            if made_parent:
                parent.rmdir()


def free_folder(parent: Path, data: Path, prefix: str = "") -> Path:
    """Return the first ``<parent>/<prefix><data name>-<n>`` that does not exist."""
    name = prefix + data_name(data)
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"
