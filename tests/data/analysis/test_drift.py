from __future__ import annotations

import numpy as np
import polars as pl

from goodfit.data.analysis.drift import find_drift
from goodfit.data.analysis.results import Drift
from goodfit.data.profile import describe_columns
from goodfit.data.read import read

RANDOM = np.random.default_rng(0)


def frame(rows: int = 1500) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "age": RANDOM.normal(40, 10, rows),
            "job": RANDOM.choice(["cook", "pilot", "nurse"], rows),
            "day": pl.Series(RANDOM.integers(18_000, 18_300, rows)).cast(pl.Date),
            "paid": RANDOM.random(rows) < 0.5,
        }
    )


def compared(first: pl.DataFrame, second: pl.DataFrame) -> Drift:
    table = read(first)
    return find_drift(table, describe_columns(table.frame, {}), read(second))


def test_rows_of_one_source_are_not_told_apart():
    found = compared(frame(), frame())
    assert found.low is not None
    assert found.low < 0.51
    assert not any(column.drifted for column in found.columns)
    assert found.notes == ()


def test_many_categories_of_one_source_have_not_drifted():
    def wide() -> pl.DataFrame:
        return pl.DataFrame(
            {"zip": [f"z{value}" for value in RANDOM.integers(0, 300, 1000)], "x": range(1000)}
        )

    assert not any(column.drifted for column in compared(wide(), wide()).columns if column.name == "zip")


def test_each_change_is_said():
    other = frame().with_columns(
        pl.col("age") + 8,
        pl.when(pl.col("job") == "cook").then(pl.lit("baker")).otherwise("job").alias("job"),
        pl.when(pl.int_range(pl.len()) % 3 == 0).then("paid").alias("paid"),
    )
    found = compared(frame(), other)
    assert found.auc is not None
    assert found.auc > 0.8
    said = {column.name: column.message.code.rpartition(".")[2] for column in found.columns if column.drifted}
    assert said == {"age": "median", "job": "unseen", "paid": "missing"}


def test_columns_that_only_one_has_and_types_that_changed():
    other = frame().drop("day").with_columns(pl.lit("n/k").alias("age"), pl.lit(1).alias("new"))
    found = compared(frame(), other)
    assert [note.code.rpartition(".")[2] for note in found.notes] == ["absent", "extra", "unread-number"]
    assert next(column for column in found.columns if column.name == "age").distance == 1


def test_too_few_rows_are_not_classified():
    assert compared(frame(20), frame(20)).auc is None


def test_targets_are_compared_by_themselves_and_by_what_they_mean():
    mine = frame().with_columns(y=pl.when(pl.col("age") > 40).then(pl.lit("old")).otherwise(pl.lit("young")))
    table = read(mine)
    kinds = describe_columns(table.frame, {})

    def found(labels: list[str]) -> Drift:
        other = read(frame().with_columns(y=pl.Series(labels * 750)))
        return find_drift(table, kinds[:-1], other, kinds[-1:])

    alike = found(["old.", "Young"])
    assert [note.code for note in alike.notes] == ["notes.profile.classes-alike"]
    assert not any(column.drifted for column in alike.columns)
    changed = found(["x", "y"])
    assert [column.name for column in changed.columns if column.drifted] == ["y"]
    assert changed.auc is not None
    assert changed.auc < 0.55
    absent = find_drift(table, kinds[:-1], read(frame()), kinds[-1:])
    assert absent.notes == ()


def test_texts_that_changed_are_said():
    def reviews(*words: str) -> pl.DataFrame:
        lines = [" ".join(RANDOM.choice(words, 7)) for _ in range(600)]
        return pl.DataFrame({"review": [f"{line} {place}" for place, line in enumerate(lines)]})

    usual = ("good", "bad", "room", "bed", "food", "view")
    same = compared(reviews(*usual), reviews(*usual))
    assert not same.columns[0].drifted
    assert same.low is not None
    assert same.low < 0.5
    found = compared(reviews(*usual), reviews(*usual, "parking"))
    assert found.low is not None
    assert found.low > 0.6
    [column] = found.columns
    assert column.drifted
    assert column.message.code == "profile.drift.word"
    assert column.message.values["value"] == "'parking'"
