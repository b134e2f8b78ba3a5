"""The curves as TensorBoard's event files, for those who look at them there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from goodfit.errors import InputError
from goodfit.training.state import Row

__all__ = ["tensorboard_events"]


@contextmanager
def tensorboard_events(
    folder: str | Path | None, *, instead: bool = False
) -> Iterator[Callable[[Row], None] | None]:
    """Give what writes a row of the History as scalars at its epoch; None without a folder.

    With ``instead`` they take the place of the curves of another network in the same folder.

    ``train_loss`` and ``valid_loss`` are written as ``loss/train`` and ``loss/valid``, so that they are drawn
    side by side, and metrics alike.

    Raises
    ------
    InputError
        TensorBoard is not installed.
    """
    if folder is None:
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError("extra.missing", package="tensorboard", extra="tensorboard") from None
    with SummaryWriter(str(folder), purge_step=0 if instead else None) as writer:

        def write(row: Row) -> None:
            for name, value in row.items():
                if name not in ("epoch", "step", "seconds"):
                    writer.add_scalar(_tag(name), value, round(row["epoch"]))

        yield write


def _tag(name: str) -> str:
    """Return the name by which TensorBoard groups curves.

    >>> _tag("valid_accuracy"), _tag("running_loss"), _tag("learning_rate")
    ('accuracy/valid', 'loss/running', 'learning_rate')
    """
    part, _, quantity = name.partition("_")
    return f"{quantity}/{part}" if part in ("train", "valid", "running") else name
