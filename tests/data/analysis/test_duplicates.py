from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from goodfit.data.analysis.duplicates import find_duplicates

rows = st.lists(
    st.tuples(st.integers(0, 2) | st.none(), st.sampled_from(["a", "b", None]), st.booleans()),
    min_size=1,
    max_size=40,
)


@given(rows)
def test_repeated_rows_are_those_of_polars(data):
    frame = pl.DataFrame(data, schema={"x": pl.Int64, "c": pl.String, "y": pl.Boolean}, orient="row")
    found = find_duplicates(frame, [], ["y"])
    assert found.rows == frame.height - frame.unique().height
    assert found.groups == frame.filter(frame.is_duplicated()).unique().height
    by_inputs = frame.group_by("x", "c").agg(pl.col("y").n_unique().alias("n"), pl.len().alias("rows"))
    assert found.conflicting == by_inputs.filter(pl.col("n") > 1)["rows"].sum()


def test_identifiers_are_left_out_of_the_comparison():
    frame = pl.DataFrame({"id": [1, 2, 3], "x": [5, 5, 6]})
    assert find_duplicates(frame, [], []).rows == 0
    assert find_duplicates(frame, ["id"], []).rows == 1
    assert find_duplicates(frame, ["id", "x"], []).rows == 0
