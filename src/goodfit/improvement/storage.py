"""Where the trials of a search are kept: Optuna's storages by address or file, and what is wrong with one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from goodfit.errors import InputError
from goodfit.improvement.sampling import quiet

__all__ = ["open_study", "reaching", "remove_study", "without_password"]

DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
"""What is installed to have a database's module, where that is called otherwise."""


ATTEMPTS, PAUSE = 5, 0.5
"""How often a storage is opened, and seconds between, where several processes make its tables at once."""
MADE_MEANWHILE = ("already exists", "UNIQUE constraint")
"""What databases then say."""


def open_study(address: str, name: str, *, higher: bool) -> Any:
    """Return the study of that name in a storage, made where there is none."""
    import optuna

    direction: Any = "maximize" if higher else "minimize"
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        place = _storage(address)
        try:
            return optuna.create_study(
                study_name=name, storage=place, direction=direction, load_if_exists=True
            )
        except Exception as error:
            if not any(words in str(error) for words in MADE_MEANWHILE):
                raise
            failure = error
    raise failure


def remove_study(address: str, name: str) -> None:
    """Take a study out of its storage."""
    import optuna

    optuna.delete_study(study_name=name, storage=_storage(address))


def _storage(address: str) -> Any:
    """Return what Optuna takes as a storage: an address as it is, of a file its database or journal.

    Raises
    ------
    InputError
        It is neither an address nor such a file, or the file's folder does not exist.
    """
    if "://" in address:
        return address
    path = Path(address)
    if path.suffix not in (".db", ".sqlite", ".sqlite3", ".journal"):
        raise InputError("tune.storage-kind", storage=address)
    if not path.absolute().parent.is_dir():
        raise InputError("tune.storage-folder", storage=address, folder=str(path.parent))
    if path.suffix != ".journal":
        return f"sqlite:///{path}"
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(address))


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Turn what a storage fails with into a sentence that names it."""
    try:
        with quiet():
            yield
    except InputError:
        raise
    except Exception as error:  # every database has exceptions of its own
        shown, scheme = without_password(address), address.partition("://")[0]
        if isinstance(error, ImportError):
            module = getattr(error.__cause__ or error, "name", None) or scheme
            package = DRIVERS.get(module, module)
            raise InputError("tune.storage-driver", storage=shown, package=package) from error
        if type(error).__name__ == "NoSuchModuleError":  # SQLAlchemy's, of an address's first word
            raise InputError("tune.storage-scheme", storage=shown, scheme=scheme) from error
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError("tune.storage", storage=shown, problem=problem) from error


def without_password(address: str) -> str:
    """Return an address as it may be shown.

    >>> without_password("postgresql://ann:secret@host/db")
    'postgresql://ann:***@host/db'
    """
    scheme, sign, rest = address.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}{sign}{user.partition(':')[0]}:***@{place}" if at and ":" in user else address
