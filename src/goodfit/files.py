"""Writing files so that whatever was there before stays whole until the new is."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goodfit.errors import InputError, MachineError

__all__ = ["check_output", "data_name", "sync_folder", "to_json", "write_atomically"]

SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".parquet", ".pq", ".gz")


def data_name(path: str | Path) -> str:
    """Return what the data in a file are called: its name without the suffix of its kind.

    >>> data_name("tables/wine.v2.csv.gz"), data_name("readings")
    ('wine.v2', 'readings')
    """
    name = Path(path).name
    while (suffix := Path(name).suffix) and suffix.lower() in SUFFIXES:
        name = name[: -len(suffix)]
    return name or "data"


def check_output(path: Path, *, force: bool) -> None:
    """Refuse a file that cannot be written or that is there already, before any work is done.

    Raises
    ------
    InputError
        It exists and ``force`` is not given, it is a folder, or its folder does not allow it.
    """
    try:
        if path.is_dir():
            raise InputError("files.is-folder", path=str(path))
        if path.exists() and not force:
            raise InputError("files.exists", path=str(path))
        place = next(part for part in path.absolute().parents if part.exists())
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise InputError("files.not-writable", path=str(path), problem=error.strerror) from None


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write ``content`` to ``path``: a temporary file beside it, fsync, rename.

    Raises
    ------
    MachineError
        The disk is full or the folder cannot be written; the old file is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _copy_mode(path, temporary)
        Path(temporary).replace(path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise MachineError(
            "files.not-written", path=str(path), problem=error.strerror or str(error)
        ) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _copy_mode(path: Path, temporary: str) -> None:
    mask = os.umask(0)
    os.umask(mask)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask
    Path(temporary).chmod(mode)


def sync_folder(folder: Path) -> None:
    """Make sure that what was written to and renamed in a folder is on the disk."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def to_json(value: Any) -> str:
    """Return plain data as the text of a JSON file, null for the numbers that JSON does not have.

    >>> to_json([1.5, float("nan")])
    '[\\n 1.5,\\n null\\n]'
    """
    return json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
