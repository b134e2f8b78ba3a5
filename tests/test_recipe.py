from __future__ import annotations

import copy
import math
import pickle
import tomllib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.errors import InputError
from goodfit.messages import LANGUAGES
from goodfit.ranges import wanted
from goodfit.recipe import Recipe

NAMES = st.from_regex(r"[a-z][a-z_0-9]{0,11}", fullmatch=True).filter(lambda name: name != "none")
COUNTS = st.integers(1, 10**6)
SHARES = st.floats(0, 1, exclude_max=True)
INNER = st.floats(0, 1, exclude_min=True, exclude_max=True)
POSITIVE = st.floats(0, 1e12, exclude_min=True)
PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | NAMES
OPTIONS = st.dictionaries(NAMES, PLAIN | st.tuples(PLAIN, PLAIN) | st.dictionaries(NAMES, PLAIN), max_size=3)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "model": NAMES,
    "hidden": st.lists(COUNTS, max_size=4).map(tuple),
    "activation": st.sampled_from(["relu", "tanh", "silu"]),
    "dropout": SHARES,
    "normalization": st.sampled_from([None, "batch", "layer"]),
    "initialization": NAMES,
    "loss": NAMES,
    "loss_options": OPTIONS,
    "class_weight": st.sampled_from([None, "balanced"]) | st.dictionaries(st.text(), POSITIVE, max_size=3),
    "metrics": st.just("auto") | st.lists(NAMES, max_size=3).map(tuple),
    "optimizer": NAMES,
    "optimizer_options": OPTIONS,
    "learning_rate": POSITIVE,
    "momentum": st.none() | SHARES,
    "schedule_options": OPTIONS,
    "epochs": COUNTS,
    "batch_size": st.sampled_from(["auto", None]) | COUNTS,
    "ema": st.none() | INNER,
    "patience": st.none() | COUNTS,
    "stop_at": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "time_budget": st.none() | POSITIVE,
    "keep_going": st.booleans(),
    "precision": st.sampled_from(["float32", "bfloat16", "float16"]),
    "seed": st.integers(0, 2**63 - 1),
    "valid_fraction": st.just("auto") | INNER,
    "test_fraction": st.just("auto") | SHARES,
    "split_seed": st.none() | st.integers(0, 2**63 - 1),
}
RECIPES = st.fixed_dictionaries({}, optional=FIELDS).map(lambda fields: Recipe(**fields))


@given(RECIPES)
def test_a_recipe_comes_back_from_toml_and_from_json(recipe):
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert Recipe(**recipe.to_dict()) == recipe


@given(RECIPES)
def test_a_recipe_is_rebuilt_from_what_differs_from_the_defaults(recipe):
    assert Recipe(**recipe.changes()) == recipe
    assert Recipe().replace(**recipe.changes()) == recipe


@given(RECIPES)
def test_a_recipe_is_copied_whole(recipe):
    assert copy.deepcopy(recipe) == recipe
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_none_is_written_none_everywhere():
    recipe = Recipe(patience="none", normalization="none", batch_size="none")
    assert (recipe.patience, recipe.normalization, recipe.batch_size) == (None, None, None)
    assert 'patience = "none"' in recipe.to_toml()
    assert Recipe.parse("patience", "none") is None
    assert Recipe.parse("patience", " none ") is None


def test_every_field_stands_in_the_toml():
    assert set(tomllib.loads(Recipe().to_toml())) == set(Recipe.model_fields)


def test_a_recipe_is_immutable_and_shares_no_defaults():
    recipe = Recipe()
    with pytest.raises((TypeError, ValueError)):
        recipe.epochs = 3
    assert recipe.loss_options is not Recipe().loss_options


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("hidden", "64,32", (64, 32)),
        ("hidden", "64", (64,)),
        ("hidden", " 64 , 32 ", (64, 32)),
        ("learning_rate", "1e-3", 0.001),
        ("batch_size", "auto", "auto"),
        ("epochs", "20", 20),
        ("metrics", "auto", "auto"),
        ("metrics", "f1,recall", ("f1", "recall")),
        ("class_weight", "balanced", "balanced"),
        ("class_weight", "yes=2,no=1", {"yes": 2, "no": 1}),
        ("class_weight", "1=2.5", {"1": 2.5}),
        ("loss_options", "label_smoothing=0.1", {"label_smoothing": 0.1}),
        ("optimizer_options", "betas=0.9,0.99,eps=1e-7", {"betas": (0.9, 0.99), "eps": 1e-7}),
        ("optimizer_options", "amsgrad=true, foo=none", {"amsgrad": True, "foo": None}),
        ("keep_going", "true", True),
        ("keep_going", "False", False),
    ],
)
def test_a_field_is_parsed_from_a_command_line(name, text, value):
    parsed = Recipe.parse(name, text)
    assert parsed == value
    assert type(parsed) is type(value)
    Recipe(**{name: parsed})


def test_options_without_a_name_are_refused():
    with pytest.raises(InputError, match=r"--optimizer-options '0\.9' is not a pair"):
        Recipe.parse("optimizer_options", "0.9,0.99")


def test_one_value_stands_for_a_list_of_one():
    assert Recipe(hidden=32).hidden == (32,)
    assert Recipe(metrics="f1").metrics == ("f1",)
    assert Recipe(class_weight={0: 1.0, True: 2.0}).class_weight == {"0": 1.0, "True": 2.0}


def test_options_are_plain_data_whatever_they_were_given_as():
    recipe = Recipe(loss_options={"pos_weight": np.array([1.0, 2.0]), "delta": np.float64(1)})
    assert recipe.loss_options == {"pos_weight": (1.0, 2.0), "delta": 1.0}
    with pytest.raises(InputError, match="loss_options holds a object"):
        Recipe(loss_options={"x": object()})


@pytest.mark.parametrize(
    ("field", "nearest"), [("learning_rte", "learning_rate"), ("epoch", "epochs"), ("hiden", "hidden")]
)
def test_a_typo_is_answered_with_the_nearest_field(field, nearest):
    with pytest.raises(InputError, match=f"no field '{field}'; did you mean '{nearest}'"):
        Recipe(**{field: 1})


def test_a_field_like_no_other_is_answered_with_all_of_them():
    with pytest.raises(InputError, match="its fields are accumulate, activation"):
        Recipe(zzz=1)


OUT_OF_RANGE = [
    ("epochs", 0, "epochs is 0; it should be a whole number of at least 1."),
    ("epochs", 1.5, "epochs is 1.5; it should be a whole number of at least 1."),
    ("epochs", True, "epochs is true; it should be a whole number of at least 1."),
    ("epochs", None, "epochs is none; it should be a whole number of at least 1."),
    ("batch_size", 0, "batch_size is 0; it should be a whole number of at least 1, auto, or none."),
    ("batch_size", "big", "batch_size is 'big'; it should be a whole number of at least 1, auto, or none."),
    ("patience", -3, "patience is -3; it should be a whole number of at least 1, or none."),
    ("learning_rate", 0, "learning_rate is 0; it should be a number above 0."),
    ("learning_rate", math.nan, "learning_rate is nan; it should be a number above 0."),
    ("learning_rate", math.inf, "learning_rate is inf; it should be a number above 0."),
    ("learning_rate", "fast", "learning_rate is 'fast'; it should be a number above 0."),
    ("dropout", 1.0, "dropout is 1.0; it should be a number of at least 0 and below 1."),
    ("ema", 1.0, "ema is 1.0; it should be a number above 0 and below 1, or none."),
    ("weight_decay", -1e-9, "weight_decay is -1e-09; it should be a number of at least 0."),
    ("stop_at", math.nan, "stop_at is nan; it should be a number, or none."),
    ("keep_going", "maybe", "keep_going is 'maybe'; it should be true or false."),
    ("activation", "rellu", "activation is 'rellu'; it should be relu, leaky_relu, elu, gelu, silu, tanh"),
    ("normalization", "group", "normalization is 'group'; it should be batch, layer or none."),
    ("hidden", (64, 0), "hidden is 64,0; it should be a whole number of at least 1, or several separated"),
    ("hidden", None, "hidden is none; it should be a whole number of at least 1, or several separated"),
    ("class_weight", "heavy", "class_weight is 'heavy'; it should be key=value pairs, balanced, or none."),
    ("class_weight", {"a": -1}, "class_weight is a=-1; it should be key=value pairs, balanced, or none."),
    ("optimizer", 3, "optimizer is 3; it should be a name."),
    ("metrics", (1,), "metrics is 1; it should be a name, or several separated by commas, or auto."),
    ("seed", -1, "seed is -1; it should be a whole number of at least 0 and below 9223372036854775808."),
]


@pytest.mark.parametrize(("field", "value", "sentence"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_named_with_its_field_and_what_is_allowed(field, value, sentence):
    with pytest.raises(InputError) as caught:
        Recipe(**{field: value})
    assert str(caught.value).startswith(f"The recipe's {sentence}")
    assert caught.value.text("es").startswith(f"El campo {field} de la receta vale")
    assert " it " not in caught.value.text("es")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_says_what_it_may_be(language):
    for name, field in Recipe.model_fields.items():
        assert "errors." not in wanted(field).text(language), name


@given(st.sampled_from(sorted(Recipe.model_fields)), PLAIN | st.lists(PLAIN, max_size=2) | OPTIONS)
def test_whatever_is_given_for_a_field_is_taken_or_refused_in_one_sentence(name, value):
    said = None
    try:
        recipe = Recipe(**{name: value})
    except InputError as error:
        said = str(error)
    if said is None:
        assert Recipe.from_toml(recipe.to_toml()) == recipe
    else:
        assert "\n" not in said
        assert name in said


def test_a_file_with_a_typo_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 3\nlearning_rte = 0.1\n", "utf-8")
    with pytest.raises(InputError, match=r"mine\.toml: A recipe has no field 'learning_rte'; did you mean"):
        Recipe.from_file(path)
    path.write_text("epochs = 0", "utf-8")
    with pytest.raises(InputError, match=r"mine\.toml: The recipe's epochs is 0"):
        Recipe.from_file(path)
    path.write_text("epochs = \n", "utf-8")
    with pytest.raises(InputError, match=r"mine\.toml is not valid TOML \(.*line 1"):
        Recipe.from_file(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match=r"There is no recipe file .*gone\.toml"):
        Recipe.from_file(tmp_path / "gone.toml")
    with pytest.raises(InputError, match=r"Is a directory|Permission"):
        Recipe.from_file(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\x80\x81")
    with pytest.raises(InputError, match="must be a text file in UTF-8"):
        Recipe.from_file(tmp_path / "binary.toml")


def test_a_file_may_begin_with_the_mark_that_windows_puts_there(tmp_path):
    (tmp_path / "windows.toml").write_bytes(b"\xef\xbb\xbfepochs = 3\r\n")
    assert Recipe.from_file(tmp_path / "windows.toml").epochs == 3


def test_repr_shows_what_differs():
    assert repr(Recipe(epochs=3)) == "Recipe(epochs=3)"
    assert repr(Recipe()) == "Recipe()"
