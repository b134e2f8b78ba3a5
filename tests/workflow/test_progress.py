from __future__ import annotations

import io
import math
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from goodfit.recipe import Recipe
from goodfit.training.state import TrainingState
from goodfit.training.stopping import Best
from goodfit.workflow.progress import BLOCKS, Progress, duration, sparkline


def row(epoch: float, **values: float) -> dict[str, float]:
    return {"epoch": epoch, "train_loss": 0.5, "valid_loss": 1 / epoch, "seconds": epoch, **values}


def test_it_says_where_the_training_is_and_the_best_so_far():
    progress = Progress(Recipe(epochs=10, monitor="valid_loss"))
    for epoch, loss in enumerate([1.0, 0.25, 0.5, math.nan], 1):
        progress.epoch(row(epoch, valid_loss=loss, valid_accuracy=0.875))
    text = "\n".join(progress.lines(80))
    for word in ("4", "10", "6.0 s", "0.875", "accuracy", "0.25", "valid_loss"):
        assert word in text
    assert any(block in text for block in BLOCKS)
    spanish = Progress(Recipe(epochs=10), language="es")
    spanish.epoch(row(1))
    assert spanish.lines() != Progress(Recipe(epochs=10)).lines()


def test_a_metric_where_more_is_better():
    progress = Progress(Recipe(epochs=10, monitor="valid_accuracy"))
    for epoch, value in enumerate([0.5, 0.9, 0.7], 1):
        progress.epoch(row(epoch, valid_accuracy=value))
    assert "0.9" in progress.lines()[2]


def test_before_the_first_epoch_and_without_a_number():
    progress = Progress(Recipe(epochs=10))
    assert len(progress.lines()) == 1
    progress.during(TrainingState(best=Best(False), batch=1234))
    assert "1234" in progress.lines()[0]
    progress.epoch(row(1, valid_loss=math.nan))
    assert len(progress.lines()) == 3


def test_the_time_left_is_that_of_the_budget_where_it_is_shorter():
    progress = Progress(Recipe(epochs=100, time_budget=5.0))
    progress.epoch(row(2))
    assert "3.0 s" in progress.lines()[0]


def test_it_draws_and_leaves_nothing_behind():
    console = Console(file=io.StringIO(), force_terminal=True, width=60)
    with Progress(Recipe(epochs=3), console=console) as shown:
        for epoch in (1, 2, 3):
            shown._shown = -math.inf
            shown.epoch(row(epoch))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    assert "valid_loss" in plain


def test_without_a_console_nothing_is_drawn():
    with Progress(Recipe(epochs=3)) as shown:
        shown.epoch(row(1))
        shown.draw()
    assert shown._shown == -math.inf


def test_where_stderr_is_no_terminal_it_shows_nothing(monkeypatch):
    recipe = Recipe()
    assert Progress.of(True, recipe, "en").console is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert Progress.of(True, recipe, "en").console is not None
    assert Progress.of(False, recipe, "en").console is None
    mine = Progress(recipe)
    assert Progress.of(mine, recipe, "en") is mine


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (61, "1:01"), (3599.6, "1:00:00"), (360000, "100:00:00")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=200), width=st.integers(2, 60)
)
def test_a_sparkline_has_a_sign_for_each_value_and_fits(values, width):
    line = sparkline(values, width)
    if any(math.isfinite(value) for value in values):
        assert len(line) == min(len(values), width)
    else:
        assert line == ""
    assert set(line) <= {*BLOCKS, " "}
