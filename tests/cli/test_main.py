from __future__ import annotations

import os
import subprocess
import sys

import pytest

import goodfit
from goodfit.cli.main import _no_memory
from goodfit.errors import MachineError
from spine_for_tests import program


def test_the_version_is_printed():
    assert program("--version").out == f"goodfit {goodfit.__version__}\n"
    assert program("--version").status == 0


def test_help_names_every_command_and_where_to_begin():
    shown = program("--help")
    assert shown.status == 0
    for word in ("demo", "train", "evaluate", "predict", "report", "goodfit demo"):
        assert word in shown.out
    assert program("-h").out == shown.out


@pytest.mark.parametrize("command", ["demo", "train", "evaluate", "predict", "report"])
def test_each_command_has_its_help(command):
    shown = program(command, "--help")
    assert shown.status == 0
    assert "--language" in shown.out


def test_without_a_command_the_help_is_shown():
    shown = program()
    assert shown.status == 2
    assert "goodfit demo" in shown.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["trian"], "There is no command 'trian'; did you mean 'train'?"),
        (
            ["zzz"],
            "There is no command 'zzz'; the commands are"
            " demo, train, tune, profile, diagnose, evaluate, predict, compare, explain, data-curve, report.",
        ),
        (["--zzz"], "There is no option --zzz; see: goodfit --help."),
        (
            ["train", "--learning-rte", "1"],
            "There is no option --learning-rte; did you mean --learning-rate?",
        ),
        (["train", "--zzz"], "There is no option --zzz; see: goodfit train --help."),
        (["train"], "No table was given; write: goodfit train DATA.csv --target COLUMN."),
        (["train", "x.csv", "--target"], "The option --target needs a value after it."),
        (["train", "--quiet=1"], "The option --quiet takes no value."),
        (
            ["train", "x.csv", "wine", "quality"],
            "There are more arguments than goodfit train takes (wine quality);"
            " put names with blanks in quotation marks.",
        ),
        (["predict"], "RUN is missing; see: goodfit predict --help."),
        (["predict", "run"], "DATA is missing; see: goodfit predict --help."),
        (["report"], "RUN is missing; see: goodfit report --help."),
        (
            ["demo", "--language", "fr"],
            "The language is 'fr'; it should be one of en, es (--language or GOODFIT_LANGUAGE).",
        ),
    ],
)
def test_a_wrong_command_line_is_answered_in_one_sentence(arguments, sentence):
    ended = program(*arguments)
    assert ended.status == 2
    assert ended.sentence == sentence


def test_what_is_wrong_is_said_in_spanish_too(monkeypatch):
    spanish = "No se dio ninguna tabla; escriba: goodfit train DATOS.csv --target COLUMNA."
    assert program("train", "--language", "es").sentence == spanish
    assert program("train", "--language=es").sentence == spanish
    assert "No existe la opción" in program("train", "--zzz", "--language", "es").sentence
    monkeypatch.setenv("GOODFIT_LANGUAGE", "es")
    assert program("train").sentence == spanish
    assert program("train", "--language", "en").sentence.startswith("No table was given")
    assert program("trian").sentence == "No existe la orden 'trian'; ¿quería decir 'train'?"
    monkeypatch.setenv("GOODFIT_LANGUAGE", "fr")
    assert program("demo").sentence.startswith("The language is 'fr'")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MachineError("files.not-written", path="x", problem="full"), "x could not be written (full)"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
        (KeyError("inner"), "Something failed that should not (KeyError: 'inner')"),
        (ValueError("line one\nline two"), "Something failed that should not (ValueError: line one)"),
    ],
)
def test_a_failing_machine_is_status_3_in_one_sentence(monkeypatch, error, said):
    def fail(path: object) -> None:
        raise error

    monkeypatch.setattr("goodfit.loading.load", fail)
    ended = program("report", "run")
    assert ended.status == 3
    assert ended.out == ""
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert "Traceback" not in ended.err


def test_the_details_of_a_failure_are_there_for_who_asks(monkeypatch):
    def fail(path: object) -> None:
        raise KeyError("inner")

    monkeypatch.setattr("goodfit.loading.load", fail)
    monkeypatch.setenv("GOODFIT_DEBUG", "1")
    with pytest.raises(KeyError):
        program("report", "run")


def test_want_of_memory_is_known_by_its_words():
    assert _no_memory(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert not _no_memory(RuntimeError("shape mismatch"))


def test_an_interruption_is_status_130(monkeypatch):
    def interrupt(path: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("goodfit.loading.load", interrupt)
    ended = program("report", "run")
    assert (ended.status, ended.out, ended.err) == (130, "", "")


def test_it_is_a_module_too():
    done = subprocess.run(
        [sys.executable, "-m", "goodfit", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"goodfit {goodfit.__version__}\n"


def test_a_terminal_without_the_characters_gets_a_question_mark():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "GOODFIT_LANGUAGE": "es"}
    done = subprocess.run(
        [sys.executable, "-m", "goodfit", "trian"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 2
    assert done.stderr == "goodfit: No existe la orden 'trian'; ?quer?a decir 'train'?\n"
