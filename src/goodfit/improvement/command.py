"""The command that trains a recipe again on the data of a search."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goodfit.workflow.tables import TableOptions

__all__ = ["train_command"]


def train_command(
    data: Any,
    target: str | Sequence[str] | None,
    valid: Any,
    test: Any,
    options: TableOptions,
    recipe: Path,
) -> str:
    """Return the ``goodfit train`` command for a recipe file; empty where the data are no files.

    Examples
    --------
    >>> train_command("my wine.csv", "quality", None, None, TableOptions(), Path("t/best.toml"))
    "goodfit train 'my wine.csv' --target quality --recipe t/best.toml"
    """
    if not all(isinstance(item, (str, Path)) or item is None for item in (data, valid, test)):
        return ""
    words = ["goodfit", "train", str(data)]
    if target is not None:
        names = [target] if isinstance(target, str) else list(target)
        words += ["--target", ",".join(f'"{name}"' if "," in name else name for name in names)]
    said = {
        "--valid": valid,
        "--test": test,
        "--task": options.task,
        "--group-column": options.group_column,
        "--time-column": options.time_column,
        "--delimiter": options.delimiter,
        "--encoding": options.encoding,
        "--decimal": options.decimal,
    }
    for option, value in said.items():
        words += [option, str(value)] if value is not None else []
    for name, kind in (options.columns or {}).items():
        words += ["--column", f"{name}={kind}"]
    for value in options.null_values or ():
        words += ["--null-value", value]
    return shlex.join([*words, "--recipe", str(recipe)])
