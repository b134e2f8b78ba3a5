"""What is wrong with a command line, in the catalogue's words."""

from __future__ import annotations

import difflib
import re
from typing import Any

from goodfit.errors import InputError

__all__ = ["usage_error"]


def usage_error(error: Any) -> InputError | None:
    """Return what typer found wrong with the arguments as one sentence, None where ``error`` is none of its.

    Parameters
    ----------
    error
        Known by what it carries: the library's own exception classes are private in some of its versions.
    """
    if not hasattr(error, "format_message") or not hasattr(error, "ctx"):
        return None
    message = str(error.format_message())
    command = error.ctx.command_path if error.ctx is not None else "goodfit"
    kind = type(error).__name__
    if kind == "NoSuchOption":
        near = list(error.possibilities or ())
        if near:
            return InputError("usage.no-option-near", option=error.option_name, nearest=near[0])
        return InputError("usage.no-option", option=error.option_name, command=command)
    if kind == "MissingParameter" and error.param is not None:
        return InputError("usage.missing", name=str(error.param.name).upper(), command=command)
    named = re.search(r"'([^']*)'", message)
    if kind == "BadOptionUsage":
        needs_value = "requires" in message
        return InputError(
            f"usage.{'no-value' if needs_value else 'not-allowed-value'}", option=error.option_name
        )
    if "No such command" in message and named is not None:
        commands = list(getattr(error.ctx.command, "commands", {}))
        near = difflib.get_close_matches(named.group(1), commands, n=1)
        if near:
            return InputError("usage.no-command-near", name=named.group(1), nearest=near[0])
        return InputError("usage.no-command", name=named.group(1), known=commands)
    extra = re.search(r"unexpected extra arguments?.*\((.*)\)\.?$", message)
    if extra is not None:
        return InputError("usage.too-many", extra=extra.group(1), command=command)
    return InputError("usage.wrong", problem=message, command=command)
