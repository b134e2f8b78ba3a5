"""The program: its commands, and what each way of failing looks like from outside."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import goodfit
from goodfit.cli.compare import compare
from goodfit.cli.data_curve import data_curve
from goodfit.cli.demo import demo
from goodfit.cli.diagnose import diagnose
from goodfit.cli.explain import explain
from goodfit.cli.options import spoken_language
from goodfit.cli.output import accept_any_text, remark, show
from goodfit.cli.profile import profile
from goodfit.cli.train import train
from goodfit.cli.tune import tune
from goodfit.cli.usage import usage_error
from goodfit.cli.use import evaluate, predict, report
from goodfit.errors import GoodfitError
from goodfit.messages import say

__all__ = ["app", "main"]

app = typer.Typer(
    name="goodfit",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train a neural network on a table, see what is wrong with the training, and use the result.",
    epilog="Start with: goodfit demo. Then: goodfit train DATA.csv --target COLUMN",
)


def _version(wanted: bool) -> None:
    if wanted:
        show(f"goodfit {goodfit.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


app.command()(demo)
app.command()(train)
app.command()(tune)
app.command()(profile)
app.command()(diagnose)
app.command()(evaluate)
app.command()(predict)
app.command()(compare)
app.command()(explain)
app.command("data-curve")(data_curve)
app.command()(report)


def main() -> None:
    """Run the program and exit.

    0: fine; 1: findings; 2: wrong input; 3: goodfit or the machine failed; 130: interrupted.
    """
    accept_any_text()
    sys.exit(_status())


def _status() -> int:
    try:
        return app(prog_name="goodfit", standalone_mode=False) or 0
    except GoodfitError as error:
        return _failed(error)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        wrong_usage = usage_error(error)
        if wrong_usage is not None:
            return _failed(wrong_usage)
        if os.environ.get("GOODFIT_DEBUG"):
            raise
        language = spoken_language(sys.argv)
        if isinstance(error, MemoryError) or _no_memory(error):
            remark(f"goodfit: {say('terminal.failed.memory', language)}")
        else:
            problem = f"{type(error).__name__}: {error}".splitlines()[0]
            remark(f"goodfit: {say('terminal.failed.unexpected', language, problem=problem)}")
        return 3


def _failed(error: GoodfitError) -> int:
    remark(f"goodfit: {error.text(spoken_language(sys.argv))}")
    return error.exit_status


def _no_memory(error: Exception) -> bool:
    """Say whether torch's allocator found no memory, which it says in words only."""
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
