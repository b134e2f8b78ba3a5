"""The program: its commands, and what each way of failing looks like from outside."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import goodfit
from goodfit.cli.demo import demo
from goodfit.cli.train import train
from goodfit.cli.use import evaluate, predict, report
from goodfit.errors import GoodfitError
from goodfit.messages import LANGUAGES, say

__all__ = ["app", "main"]

app = typer.Typer(
    name="goodfit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train a neural network on a table, see what is wrong with the training, and use the result.",
    epilog="Start with: goodfit demo. Then: goodfit train DATA.csv --target COLUMN",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"goodfit {goodfit.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command()(demo)
app.command()(train)
app.command()(evaluate)
app.command()(predict)
app.command()(report)


def main() -> None:
    """Run the program and exit.

    0: fine; 1: findings; 2: wrong input; 3: goodfit or the machine failed; 130: interrupted.
    """
    try:
        app(standalone_mode=True)
    except GoodfitError as error:
        _say(error.text(language()))
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        _say(say("terminal.failed.memory", language()))
        sys.exit(3)
    except Exception as error:
        if os.environ.get("GOODFIT_DEBUG"):
            raise
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
        _say(say("terminal.failed.unexpected", language(), problem=problem))
        sys.exit(3)


def language() -> str:
    """Return the language that the arguments ask for, also where reading them failed."""
    for place, word in enumerate(sys.argv):
        wanted = word.partition("=")[2] if word.startswith("--language=") else None
        if word == "--language" and place + 1 < len(sys.argv):
            wanted = sys.argv[place + 1]
        if wanted in LANGUAGES:
            return str(wanted)
    return (
        os.environ.get("GOODFIT_LANGUAGE", "en") if os.environ.get("GOODFIT_LANGUAGE") in LANGUAGES else "en"
    )


def _say(sentence: str) -> None:
    typer.echo(f"goodfit: {sentence}", err=True)
