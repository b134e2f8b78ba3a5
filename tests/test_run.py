from __future__ import annotations

import re
from html.parser import HTMLParser

import polars as pl
import pytest
import torch

import goodfit
from goodfit.errors import InputError
from goodfit.run_report import report_parts
from spine_for_tests import classes_run, numbers_run, people

VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}


class Checked(HTMLParser):
    """Reads markup and sees that what is opened is closed, in order."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(markup)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_repr_says_what_it_is_how_good_and_what_is_wrong():
    text = repr(classes_run())
    assert text.startswith("<Run people: mlp, 3 epochs (best ")
    assert re.search(r", log_loss 0\.\d+ on 36 rows, findings: ", text)
    one = goodfit.train(people(), target="age", epochs=1, hidden=(4,))
    assert "1 epoch (best 1), rmse " in repr(one)


@pytest.mark.parametrize("make", [classes_run, numbers_run])
def test_a_notebook_shows_curves_scores_and_findings(make):
    run = make()
    for part in (run, run.history, run.evaluation):
        Checked(part._repr_html_())
    assert "<svg" in run._repr_html_()
    for finding in run.findings:
        assert finding.statement() in run._repr_html_()


def test_the_parts_are_a_frame_away():
    run = classes_run()
    names = [
        "epoch",
        "step",
        "train_loss",
        "running_loss",
        "valid_loss",
        "train_accuracy",
        "valid_accuracy",
        "learning_rate",
        "seconds",
    ]
    assert list(run.history.to_pandas()) == names
    assert run.history.to_polars().columns == names
    assert set(run.evaluation.to_dict()["metrics"]["accuracy"]) == {"value", "low", "high"}


def test_plot_draws_the_learning_curves_on_given_axes():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert classes_run().plot(ax=ax) is ax
    assert ax.lines


def test_the_report_goes_where_it_is_told_and_says_how_to_predict(tmp_path):
    folder = classes_run().save(tmp_path / "it's mine")
    run = goodfit.load(folder)
    path = run.report(tmp_path / "deep" / "page.html", language="es")
    page = path.read_text("utf-8")
    assert '<html lang="es"' in page
    assert "it&#39;s mine" in page or "it&#x27;s mine" in page or "it's mine" in page
    assert run.report() == folder / "report.html"
    with pytest.raises(InputError, match="say where the report goes"):
        classes_run().report()


def test_the_report_says_that_ones_own_network_is_given_again():
    data = (torch.randn(40, 4), torch.arange(40) % 2)
    run = goodfit.train(data, model=torch.nn.Linear(4, 2), loss="cross_entropy", epochs=1, diagnose=False)
    assert "model=network" in report_parts(run).predict_python
    assert "model=" not in report_parts(classes_run()).predict_python


def test_how_data_are_written_is_remembered(tmp_path):
    rows = people().with_columns(pl.col("age").fill_null(-999))
    rows.write_csv(tmp_path / "train.csv", separator="|")
    reading = {"delimiter": "|", "null_values": ["-999", "-999.0"]}
    run = goodfit.train(
        tmp_path / "train.csv",
        target="bought",
        epochs=1,
        hidden=(4,),
        reading=reading,
        folder=tmp_path / "run",
    )
    again = goodfit.load(tmp_path / "run")
    assert again.table.reading == reading
    marked = again.predict(tmp_path / "train.csv")
    assert marked.equals(run.predict(people()))
    assert not marked.equals(again.predict_table(tmp_path / "train.csv", null_values=["none"])[0])


def test_codes_keep_their_zeros(tmp_path):
    frame = people().with_columns(
        code=pl.Series([f"{number % 3:03d}" for number in range(120)]), age=pl.lit(1.0)
    )
    frame.write_csv(tmp_path / "codes.csv")
    run = goodfit.train(
        tmp_path / "codes.csv", target="bought", columns={"code": "category"}, epochs=1, hidden=(4,)
    )
    _, notes = run.predict_table(tmp_path / "codes.csv")
    assert not [note for note in notes if note.code.startswith("prepare.never-seen")]


def test_the_name_is_that_of_the_data(tmp_path):
    people().write_csv(tmp_path / "wine.v2.csv")
    run = goodfit.train(tmp_path / "wine.v2.csv", target="bought", epochs=1, hidden=(4,))
    assert run.name == "wine.v2"
    assert goodfit.train(people(), target="bought", epochs=1, hidden=(4,), name="mine").name == "mine"
