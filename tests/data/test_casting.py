"""Another table brought to a profile's types: order, extra columns, other spellings, and clear refusals."""

from __future__ import annotations

import polars as pl
import pytest

from goodfit.data.casting import cast, usable_rows
from goodfit.data.profile import profile
from goodfit.data.read import read
from goodfit.errors import InputError

ROWS = 60
DATA = {
    "age": [20 + place / 2 for place in range(ROWS)],
    "job": ["cook", "pilot", "nurse"] * 20,
    "member": ["Yes", "No"] * 30,
    "since": ["13/01/2020", "01/02/2021"] * 30,
    "price": ["1.200,5 €", "13,0 €", "7,25 €"] * 20,
    "code": [f"X{place}Y" for place in range(ROWS)],
    "rank": [1, 2, 3] * 20,
    "pay": ["<=50K", ">50K"] * 30,
}


@pytest.fixture(scope="module")
def table():
    return read(DATA)


@pytest.fixture(scope="module")
def found(table):
    return profile(table, "pay", columns={"rank": "category"})


def test_the_typed_frame_has_the_used_columns_and_the_target(table, found):
    frame = cast(table, found).frame
    assert frame.columns == ["age", "job", "member", "since", "price", "rank", "pay"]
    assert frame["member"].to_list()[:2] == [True, False]
    assert frame["since"].dtype == pl.Datetime("us")
    assert frame["since"].dt.day().to_list()[:2] == [13, 1]
    assert frame["price"].to_list()[:3] == [1200.5, 13.0, 7.25]
    assert frame["rank"].to_list()[:3] == ["1", "2", "3"]
    assert frame["pay"].unique().sort().to_list() == list(found.classes)


def test_order_and_extra_columns_do_not_matter(table, found):
    shuffled = read(table.frame.select(reversed(table.frame.columns)).with_columns(extra=pl.lit(1)))
    typed = cast(shuffled, found)
    assert typed.frame.equals(cast(table, found).frame)
    assert typed.notes[0].text() == "The column 'extra' is not known to the model and is ignored."


def test_one_row_is_read_as_training_rows_were(found):
    row = {
        "age": [33],
        "job": ["astronaut"],
        "member": ["no"],
        "since": ["05/06/2022 10:30"],
        "price": ["1.000"],
    }
    frame = cast(read({**row, "rank": [2.0]}), found, target=False).frame
    assert frame.row(0)[:3] == (33, "astronaut", False)
    assert (frame["since"].dt.month()[0], frame["since"].dt.hour()[0]) == (6, 10)
    assert (frame["price"][0], frame["rank"][0]) == (1000.0, "2")


def test_values_that_do_not_parse_are_missing_with_a_note(table, found):
    frame = table.frame.with_columns(age=pl.Series(["old", "12", *["30"] * (ROWS - 2)]))
    typed = cast(read(frame), found)
    assert typed.frame["age"].to_list()[:2] == [None, 12.0]
    assert typed.notes[0].text() == "age: one value is not a number and counts as missing ('old')."


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [
        ("age", ["old", "young"], "profile.no-numbers"),
        ("since", ["yesterday", "today"], "profile.no-datetimes"),
        ("member", ["maybe", "perhaps"], "profile.no-booleans"),
        ("pay", ["lots", ">50K"], "target.unknown-classes"),
    ],
)
def test_a_column_that_became_something_else_is_refused(table, found, column, values, code):
    frame = table.frame.with_columns(pl.Series(column, values * (ROWS // 2)))
    with pytest.raises(InputError) as raised:
        cast(read(frame, name="new.csv"), found)
    assert raised.value.code == code
    assert "new.csv" in raised.value.text("es")


def test_missing_columns_are_named(table, found):
    with pytest.raises(InputError, match="'age', 'job'"):
        cast(read(table.frame.drop("age", "job")), found)
    with pytest.raises(InputError, match="'pay'"):
        cast(read(table.frame.drop("pay")), found)
    assert cast(read(table.frame.drop("pay", "code")), found, target=False).frame.height == ROWS


def test_classes_that_differ_by_a_dot_at_the_end_are_the_same(table, found):
    dotted = read(table.frame.with_columns(pay=pl.col("pay") + "."))
    typed = cast(dotted, found)
    assert typed.frame["pay"].to_list() == table.frame["pay"].to_list()
    assert typed.notes[0].code == "notes.profile.classes-alike"


def test_rows_without_a_target_are_left_out_unless_predicting():
    data = read({**DATA, "pay": ["<=50K", None, ">50K"] * 20})
    found = profile(data, "pay")
    assert usable_rows(data, found).tolist() == [place for place in range(ROWS) if place % 3 != 1]
    assert cast(data, found).frame.height == found.rows == 40
    assert cast(data, found).frame["age"][1] == DATA["age"][2]
    assert cast(data, found, target=False).frame.height == ROWS


def test_group_and_time_columns_come_along(table):
    found = profile(table, "pay", group_column="code", time_column="since")
    frame = cast(table, found).frame
    assert frame.columns[-1] == "code"
    assert "code" not in [column.name for column in found.columns]
    counted = profile(read({**DATA, "instant": range(ROWS)}), "pay", time_column="instant")
    assert cast(read({**DATA, "instant": range(ROWS)}), counted).frame["instant"].to_list() == list(
        range(ROWS)
    )


def test_targets_of_a_regression_are_floats(table):
    assert cast(table, profile(table, ["rank", "age"])).frame.select("rank", "age").dtypes == [pl.Float64] * 2
