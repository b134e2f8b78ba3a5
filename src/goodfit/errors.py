"""What goodfit raises: one sentence from the message catalogue, and an exit status."""

from __future__ import annotations

from typing import Any

from goodfit.messages import Message

__all__ = ["GoodfitError", "InputError", "MachineError"]


class GoodfitError(Exception):
    """Base of every error that goodfit raises on purpose.

    Parameters
    ----------
    code
        Name of the sentence in the catalogue, without the leading ``errors.``.
    values
        What fills the sentence's placeholders.
    """

    exit_status = 3

    def __init__(self, code: str, **values: Any) -> None:
        self.message = Message(f"errors.{code}", values)
        super().__init__(self.message.text())

    @property
    def code(self) -> str:
        """The sentence's name in the catalogue, such as ``read.file-missing``."""
        return self.message.code.removeprefix("errors.")

    def text(self, language: str = "en") -> str:
        """Return the sentence in ``language``."""
        return self.message.text(language)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, dict(self.message.values))


class InputError(GoodfitError, ValueError):
    """The user's input is wrong; the sentence names what and says what to do."""

    exit_status = 2


class MachineError(GoodfitError, OSError):
    """The machine failed: a full disk, a file that cannot be written."""

    exit_status = 3


def _rebuild(kind: type[GoodfitError], code: str, values: dict[str, Any]) -> GoodfitError:
    return kind(code, **values)
