from __future__ import annotations

import math
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.observations import History, higher_is_better

CURVES = History(
    {
        "epoch": [1, 2, 3],
        "step": [10, 20, 30],
        "train_loss": [1.0, 0.5, 0.3],
        "valid_loss": [1.1, 0.7, 0.9],
        "valid_accuracy": [0.5, math.nan, 0.8],
        "train_gap": [math.nan] * 3,
        "seconds": [0.1, 0.2, 0.3],
    },
    best_epoch=2,
    ended_by="patience",
)


class Checked(HTMLParser):
    """Reads markup and counts what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_columns_are_numbers_that_cannot_be_changed():
    values = np.array([1.0, 2.0])
    history = History({"epoch": values})
    values[0] = 9
    assert history["epoch"][0] == 1
    with pytest.raises(ValueError, match="read-only"):
        history["epoch"][0] = 5
    assert history["epoch"].dtype == np.float64


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match=r"differ in length: \[1, 2\]"):
        History({"epoch": [1, 2], "train_loss": [1]})


def test_get_leaves_out_what_was_never_measured():
    assert CURVES.get("train_gap") is None
    assert CURVES.get("nothing") is None
    assert CURVES.get("valid_accuracy") is not None


def test_metrics_are_what_is_neither_loss_nor_bookkeeping():
    assert CURVES.metrics == ("accuracy", "gap")


def test_the_best_row_is_that_of_the_best_epoch():
    assert CURVES.best_row == 1
    assert History({"epoch": [1, 2]}).best_row is None
    assert History({"epoch": [1, 2]}, best_epoch=7).best_row is None
    assert History({}, best_epoch=1).best_row is None


def test_frames_have_a_row_per_epoch_and_whole_epochs():
    for frame in (CURVES.to_polars(), CURVES.to_pandas()):
        assert frame.shape == (3, 7)
        assert list(frame["epoch"]) == [1, 2, 3]
        assert str(frame["epoch"].dtype).lower() == "int64"
    fractions = History({"epoch": [0.5, 1.0]})
    assert list(fractions.to_polars()["epoch"]) == [0.5, 1.0]


@given(
    st.integers(0, 6).flatmap(
        lambda rows: st.dictionaries(
            st.from_regex("[a-z_]{1,10}", fullmatch=True),
            st.lists(st.floats(), min_size=rows, max_size=rows),
            min_size=1,
            max_size=4,
        )
    )
)
def test_curves_come_back_exactly_from_csv(columns):
    history = History(columns, monitor="valid_loss", best_epoch=2, ended_by="epochs")
    again = History.from_csv(history.to_csv(), **history.facts())
    assert list(again) == list(history)
    for name in history:
        np.testing.assert_array_equal(again[name], history[name])
    assert again.facts() == history.facts()


def test_repr_says_how_long_how_it_ended_and_the_best():
    assert repr(CURVES) == "<History: 3 epochs, ended by patience, valid_loss 0.7 at epoch 2>"
    assert repr(History({})) == "<History: no epochs>"
    assert repr(History({"epoch": [1]})) == "<History: 1 epoch, ended by unknown>"


@pytest.mark.parametrize("rows", [0, 1, 3, 20, 21, 500])
def test_a_notebook_shows_a_table_of_at_most_twenty_rows(rows):
    history = History({"epoch": np.arange(rows) + 1.0, "<loss>": np.arange(rows) / 7})
    page = Checked()
    page.feed(history._repr_html_())
    assert page.open == []
    assert "<loss>" in page.text
    assert history._repr_html_().count("<tr>") == 1 + min(rows, 20)
    if rows:
        assert f"<td>{rows}</td>" in history._repr_html_()


@pytest.mark.parametrize(
    ("name", "higher"),
    [
        ("valid_accuracy", True),
        ("val_f1", True),
        ("metrics/mAP50(B)", True),
        ("roc_auc", True),
        ("valid_loss", False),
        ("rmse", False),
        ("accuracy_loss", False),
        ("whatever", False),
    ],
)
def test_the_direction_of_a_curve_follows_from_its_words(name, higher):
    assert higher_is_better(name) is higher
