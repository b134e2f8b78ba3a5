"""Typing columns and deciding the task: the stated rules hold, and what cannot be learned is refused."""

from __future__ import annotations

import datetime
import json

import numpy as np
import polars as pl
import pytest

from goodfit.data.column_kinds import KINDS_TO_TELL
from goodfit.data.profile import describe_columns, profile
from goodfit.data.read import read
from goodfit.data.table import Profile
from goodfit.errors import InputError

ROWS = 120
rng = np.random.default_rng(0)
COLUMNS = {
    "height": rng.normal(170, 10, ROWS),
    "measured": rng.permutation(1000)[:ROWS],
    "year": np.arange(1900, 1900 + ROWS),
    "day_number": np.arange(ROWS),
    "rooms": rng.integers(1, 6, ROWS),
    "smoker": ["yes", "no", "Yes", "NO"] * (ROWS // 4),
    "colour": ["red", "green", "blue"] * (ROWS // 3),
    "model": [f"car {place // 3} gti line" for place in range(ROWS)],
    "joined": [f"{1 + place % 12}/{1 + place % 28}/2019" for place in range(ROWS)],
    "when": [datetime.date(2020, 1, 1) + datetime.timedelta(place) for place in range(ROWS)],
    "total": ["" if place == 7 else f"{place / 7:.2f}" for place in range(ROWS)],
    "price": [f"1.{place:03},50 €" for place in range(ROWS)],
    "PassengerId": np.arange(1, ROWS + 1),
    "instant": np.arange(ROWS)[::-1],
    "Id": np.sort(rng.permutation(1600)[:ROWS]),
    "hospital_number": rng.permutation(600_000)[:ROWS],
    "customerID": [f"{place * 7919 % 10007:05}-AB" for place in range(ROWS)],
    "comment": [f"the guest of room {place} was happy with it" for place in range(ROWS)],
    "plan": ["basic"] * ROWS,
    "nothing": [None] * ROWS,
    "target": rng.normal(size=ROWS),
}
EXPECTED = {
    "height": "number", "measured": "number", "year": "number", "day_number": "number", "rooms": "number",
    "smoker": "boolean", "colour": "category", "model": "category", "joined": "datetime", "when": "datetime",
    "total": "number", "price": "number", "PassengerId": "identifier", "instant": "identifier",
    "Id": "identifier", "hospital_number": "identifier", "customerID": "identifier", "comment": "text",
    "plan": "constant", "nothing": "empty",
}  # fmt: skip


@pytest.fixture(scope="module")
def table():
    return read(COLUMNS)


@pytest.fixture(scope="module")
def found(table):
    return profile(table, "target")


@pytest.mark.parametrize("name", EXPECTED)
def test_each_column_is_typed_by_the_rules(found, name):
    column = next(column for column in found.columns if column.name == name)
    assert column.kind == EXPECTED[name], str(column.reason)
    for language in ("en", "es"):
        assert column.reason.text(language)


def test_dropped_columns_are_named_by_kind(found):
    notes = {note.code: note.values for note in found.notes}
    assert notes["notes.profile.dropped-identifier"]["count"] == 5
    assert "comment" in [column.name for column in found.used]
    assert {"notes.profile.dropped-constant", "notes.profile.dropped-empty"} <= set(notes)


def test_facts_of_numbers_are_those_of_numpy(found):
    column = next(column for column in found.columns if column.name == "height")
    values = COLUMNS["height"]
    assert column.facts["mean"] == pytest.approx(values.mean())
    assert column.facts["deviation"] == pytest.approx(values.std(ddof=1))
    assert column.facts["median"] == pytest.approx(np.median(values))
    assert (column.facts["minimum"], column.facts["maximum"]) == (values.min(), values.max())


def test_a_profile_goes_to_json_and_back(found):
    assert Profile.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_float_that_never_repeats_is_no_identifier():
    frame = pl.DataFrame({"id": np.arange(50) + 0.5, "target": [0, 1] * 25})
    assert profile(read(frame), "target").columns[0].kind == "number"


@pytest.mark.parametrize("kind", [*KINDS_TO_TELL, "datetime:%m/%d/%Y"])
def test_the_user_has_the_last_word(table, kind):
    name = {"boolean": "smoker", "datetime": "joined", "datetime:%m/%d/%Y": "joined"}.get(kind, "rooms")
    column = next(c for c in profile(table, "target", columns={name: kind}).columns if c.name == name)
    assert column.kind == ("dropped" if kind == "drop" else kind.partition(":")[0])


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"colour": "number"}, "profile.not-numbers"),
        ({"colour": "datetime"}, "profile.not-dates"),
        ({"colour": "boolean"}, "profile.not-yes-no"),
        ({"colour": "colour"}, "profile.unknown-kind"),
        ({"color": "category"}, "profile.absent-near"),
        ({"target": "category"}, "profile.target-told"),
    ],
)
def test_impossible_wishes_are_refused(table, told, code):
    with pytest.raises(InputError) as raised:
        profile(table, "target", columns=told)
    assert raised.value.code == code


X = list(np.linspace(0, 1, 60))


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([0, 1] * 30, "binary", (0, 1)),
        ([1, 2] * 30, "binary", (1, 2)),
        ([0.0, 1.0] * 30, "binary", (0, 1)),
        ([True, False] * 30, "binary", (False, True)),
        (["no", "yes"] * 30, "binary", ("no", "yes")),
        (["b", "a", "c"] * 20, "multiclass", ("a", "b", "c")),
        ([3, 4, 5, 6, 7, 8] * 10, "multiclass", (3, 4, 5, 6, 7, 8)),
        (list(range(20)) * 3, "regression", ()),
        (list(range(60)), "regression", ()),
        ([0.5, 1.5] * 30, "regression", ()),
        (["1,5", "2,5", "3,25"] * 20, "regression", ()),
    ],
)
def test_the_task_follows_from_the_target(values, task, classes):
    found = profile(read({"x": X, "y": values}), "y")
    assert (found.task, found.classes) == (task, classes)
    assert found.task_reason.text("es")


def test_twenty_whole_numbers_are_classes_and_twenty_one_are_not():
    for count, task in ((20, "multiclass"), (21, "regression")):
        values = list(range(count)) * 10
        assert profile(read({"x": np.linspace(0, 1, len(values)), "y": values}), "y").task == task


def test_the_task_can_be_told():
    table = read({"x": X, "y": [3, 4, 5] * 20, "z": [0.5, 1.5, 2.5] * 20})
    assert profile(table, "y", task="regression").classes == ()
    assert profile(table, "z", task="multiclass").classes == ("0.5", "1.5", "2.5")
    assert profile(table, ["y", "z"]).task == "regression"


def test_rows_without_a_target_are_counted_and_left_out():
    found = profile(read({"x": X, "y": [0, 1, None] * 20}), "y")
    assert (found.rows, found.classes) == (40, (0, 1))
    assert found.notes[0].text() == "20 rows have no target and are left out."


def test_rare_and_similar_classes_are_pointed_out():
    notes = profile(read({"x": X, "y": ["Yes", "no"] * 29 + ["yes", "Yes"]}), "y").notes
    assert [note.code for note in notes] == ["notes.task.rare-classes", "notes.task.similar-classes"]


@pytest.mark.parametrize(
    ("target", "options", "code"),
    [
        ("labels", {}, "target.absent-near"),
        ("zzzzzz", {}, "target.absent"),
        ("same", {}, "target.constant"),
        ("gone", {}, "target.all-missing"),
        ("one", {}, "target.constant"),
        ("few", {}, "profile.too-few-rows"),
        ("name", {}, "target.too-many-classes"),
        ("day", {}, "target.date"),
        ([], {}, "target.none"),
        (["y", "y"], {}, "target.twice"),
        (["y", "label"], {}, "target.not-numbers"),
        ("label", {"task": "regression"}, "target.not-numbers"),
        ("y", {"task": "binary"}, "target.not-binary"),
        ("y", {"task": "cluster"}, "target.unknown-task"),
        ("y", {"group_column": "lable"}, "profile.absent-near"),
        ("y", {"time_column": "y"}, "profile.split-by-target"),
        ("y", {"time_column": "label"}, "profile.time-column"),
    ],
)
def test_what_cannot_be_learned_is_refused(target, options, code):
    data = {
        "x": X,
        "y": [1, 2, 3] * 20,
        "label": ["a", "b", "c"] * 20,
        "same": [1] * 60,
        "gone": [None] * 60,
        "one": ["a", None] * 30,
        "few": [0, 1] * 5 + [None] * 50,
        "name": [f"n{place}" for place in range(60)],
        "day": [datetime.date(2020, 1, 1)] * 60,
    }
    with pytest.raises(InputError) as raised:
        profile(read(data), target, **options)
    assert raised.value.code == code
    assert raised.value.text("es")


def test_long_digits_are_numbers_where_somebody_says_so():
    digits = [f"{number * 7919 % 97 + 3}{'123456789' * 2}12" for number in range(40)]
    table = read({"code": digits, "y": digits})
    told = profile(table, "y", task="regression", columns={"code": "number"})
    assert (told.columns[0].kind, told.task) == ("number", "regression")


def test_an_empty_column_may_be_dropped_by_the_user():
    found = profile(read({"x": X, "none": [""] * 60, "y": [0, 1] * 30}), "y", columns={"none": "drop"})
    assert [column.kind for column in found.columns] == ["number", "dropped"]


def test_a_table_of_the_target_alone_is_refused():
    with pytest.raises(InputError, match="no column but the target"):
        profile(read({"y": ["a", "b"] * 20}), "y")


def test_no_column_left_is_refused():
    with pytest.raises(InputError, match=r"x \(always 1\)"):
        profile(read({"x": [1] * 40, "y": [0, 1] * 20}), "y")


def test_a_table_of_100_000_different_texts_has_nothing_to_learn_from_them():
    texts = [f"t{place}" for place in range(100_000)]
    found = profile(read({"code": texts, "x": np.arange(100_000) / 3, "y": [0, 1] * 50_000}), "y")
    assert [column.kind for column in found.columns] == ["identifier", "number"]


def test_levels_are_the_same_each_time_where_many_are_equally_frequent():
    codes = [f"k{place}" for place in range(500)] + ["k7", "k400"]
    described = [describe_columns(read({"code": codes}).frame, {"code": "category"})[0] for _ in range(5)]
    assert all(column == described[0] for column in described)
    levels = described[0].facts["levels"]
    assert levels[:3] == [["k400", 2], ["k7", 2], ["k0", 1]]
    assert len(levels) == 20


def test_a_column_that_cannot_be_numbers_names_its_most_frequent_text():
    data = {"size": ["L", "M", "M", "12", "S"] * 10, "label": ["a", "b"] * 25}
    with pytest.raises(InputError) as error:
        profile(read(data), "label", columns={"size": "number"})
    assert "'M'" in str(error.value)
