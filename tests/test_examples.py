"""Every example runs as it is, without a warning, and learns what it is about."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

LEARNED = {
    "two_inputs": ("accuracy", 0.9),
    "autoencoder": ("loss", -0.03),
    "cnn_batchnorm": ("accuracy", 0.75),
    "gru_sequences": ("accuracy", 0.8),
    "multi_label": ("f1", 0.9),
}
"""A metric and what it must reach; negative where smaller is better."""


@pytest.mark.parametrize("name", sorted(LEARNED))
def test_the_example_learns(name):
    run = runpy.run_path(str(EXAMPLES / f"{name}.py"))["run"]
    metric, least = LEARNED[name]
    value = run.evaluation.metrics[metric].value
    assert (value if least > 0 else -value) > least


def test_the_examples_are_printed_too(capsys):
    runpy.run_path(str(EXAMPLES / "multi_label.py"), run_name="__main__")
    assert "F1" in capsys.readouterr().out
