from __future__ import annotations

import inspect

import pytest

from goodfit.cli.options import (
    parse_columns,
    parse_targets,
    recipe_fields,
    recipe_from,
    spoken_language,
    with_recipe_options,
)
from goodfit.errors import InputError
from goodfit.recipe import Recipe
from spine_for_tests import program


def test_every_recipe_field_is_an_option_with_its_default(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = program("train", "--help").out
    for name, field in Recipe.model_fields.items():
        assert f"--{name.replace('_', '-')} " in shown, name
        assert field.description.split()[0] in shown
    assert "[64,64]" in shown


def test_a_command_gets_the_fields_as_texts():
    @with_recipe_options
    def command(data: str, **fields: str) -> None: ...

    parameters = inspect.signature(command).parameters
    assert list(parameters) == ["data", *Recipe.model_fields]
    assert parameters["epochs"].default is None


def test_only_fields_that_were_given_count():
    assert recipe_fields({"epochs": "3", "hidden": None, "patience": "none"}) == {
        "epochs": 3,
        "patience": None,
    }


def test_pairs_may_be_repeated():
    texts = {"scale": ["a=log", "b=robust,c=unit"], "loss_options": []}
    assert recipe_fields(texts) == {"scale": {"a": "log", "b": "robust", "c": "unit"}}


def test_a_recipe_file_is_read(tmp_path):
    assert recipe_from(None) is None
    (tmp_path / "r.toml").write_text("epochs = 7")
    assert recipe_from(tmp_path / "r.toml") == Recipe(epochs=7)


@pytest.mark.parametrize(
    ("pairs", "kinds"),
    [
        (None, None),
        ([], None),
        (["age=number"], {"age": "number"}),
        (["a=b=category", "when=datetime:%d/%m/%Y"], {"a=b": "category", "when": "datetime:%d/%m/%Y"}),
    ],
)
def test_columns_are_pairs(pairs, kinds):
    assert parse_columns(pairs) == kinds


@pytest.mark.parametrize("pair", ["age", "=number", ""])
def test_what_is_no_pair_is_refused(pair):
    with pytest.raises(InputError, match="is not a pair; write it like age=number"):
        parse_columns([pair])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("price", "price"),
        ("house price", "house price"),
        ("a,b", ["a", "b"]),
        ("a, b,", ["a", "b"]),
        ('"price, EUR"', "price, EUR"),
        ('a,"b,c"', ["a", "b,c"]),
        (",", []),
    ],
)
def test_targets_are_names_separated_by_commas(text, names):
    assert parse_targets(text) == names


@pytest.mark.parametrize(
    ("words", "environment", "language"),
    [
        ([], "", "en"),
        (["--language", "es"], "", "es"),
        (["--language=es"], "", "es"),
        (["--language", "es", "--language", "en"], "", "en"),
        (["--language"], "", "en"),
        (["--language", "fr"], "", "en"),
        ([], "es", "es"),
        (["--language", "en"], "es", "en"),
        ([], "xx", "en"),
    ],
)
def test_the_language_is_known_before_anything_is_parsed(monkeypatch, words, environment, language):
    monkeypatch.setenv("GOODFIT_LANGUAGE", environment)
    assert spoken_language(["goodfit", *words]) == language
