"""Writing files so that whatever was there before stays whole until the new is."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from goodfit.errors import InputError, MachineError

__all__ = ["check_output", "data_name", "sync_folder", "write_atomically"]

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
