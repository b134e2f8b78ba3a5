from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from goodfit.data.analysis.missingness import missing_patterns


@given(st.lists(st.lists(st.sampled_from([1, None]), min_size=3, max_size=3), min_size=1, max_size=50))
def test_patterns_count_every_row_that_lacks_something(data):
    frame = pl.DataFrame(
        data, schema=["a", "b", "c"], orient="row", schema_overrides=dict.fromkeys("abc", pl.Int64)
    )
    complete, patterns = missing_patterns(frame)
    assert complete == frame.drop_nulls().height
    assert complete + sum(pattern.rows for pattern in patterns) == frame.height
    assert [pattern.rows for pattern in patterns] == sorted((p.rows for p in patterns), reverse=True)
    expected = {tuple(name for name, value in zip("abc", row, strict=True) if value is None) for row in data}
    assert {pattern.columns for pattern in patterns} == expected - {()}


def test_more_columns_than_a_pattern_holds():
    frame = pl.DataFrame({f"c{place}": [None, 1.0] for place in range(100)})
    complete, patterns = missing_patterns(frame)
    assert complete == 1
    assert len(patterns[0].columns) == 62
