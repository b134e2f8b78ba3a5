"""Tables of deliberate horrors: a sensible model that says what it understood, or one clear sentence."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

import goodfit
from spine_for_tests import program

QUICK = ("--epochs", "30", "--hidden", "16", "--learning-rate", "0.01", "--no-progress")
ROWS = 300


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language="en": f"<p>{run.name}</p>")
    return tmp_path


def write(columns: dict[str, list[str]], name: str = "data.csv") -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    Path(name).write_text(text.getvalue(), "utf-8")


def horrors(rows: int = ROWS, seed: int = 0) -> dict[str, list[str]]:
    """Return a table whose columns are as bad as they come, and a target that four of them tell."""
    random = np.random.default_rng(seed)
    weight, price, size = random.normal(70, 10, rows), random.lognormal(7, 1, rows), random.normal(0, 1, rows)
    city = random.choice(["Lima", "lima", "LIMA ", " Quito", "quito"], rows)
    day = random.integers(0, 300, rows)
    tells = (weight - 70) / 10 + size + 2 * (np.char.lower(np.char.strip(city)) == "lima")
    forms = ("%Y-%m-%d", "%d.%m.%Y", "%b %d, %Y")
    moments = np.datetime64("2023-01-01") + day
    euros = [f"{value:,.2f}".translate(str.maketrans(",.", ".,")) + " €" for value in price]
    return {
        "weight": [f"{value:.1f} kg" for value in weight],
        "price": euros,
        "size": [f"{value:.3f}" if n % 3 else "n/d" for n, value in enumerate(size)],
        "city": city.tolist(),
        "when": [moment.item().strftime(forms[n % 3]) for n, moment in enumerate(moments)],
        "empty": [""] * rows,
        "same": ["x"] * rows,
        "shoe": [["38", "39", "40", "M", "L"][n] for n in random.integers(0, 5, rows)],
        "zip": [f"0{n:04d}" for n in random.integers(0, 40, rows)],
        "bought": ["yse" if n == 7 else "yes" if told > 1 else "no" for n, told in enumerate(tells)],
    }


def test_a_table_of_horrors_becomes_a_sensible_model_that_says_what_it_understood():
    write(horrors())
    ended = program("train", "data.csv", "--target", "bought", *QUICK, "-o", "run")
    assert ended.status == 0, ended.err
    said = " ".join(ended.out.split())
    for words in (
        "3 numbers: weight, price, size",
        "3 categories: city, shoe, zip",
        "1 date: when",
        "empty: no values",
        "same: always x",
        "city: values that differ only by case or blanks were taken as one (",
        "size: 100 values are not numbers and count as missing ('n/d')",
        "Class 'yse' has 1 row and looks like 'yes'",
    ):
        assert words in said, words
    run = goodfit.load("run")
    reasons = {column.name: column.reason.text() for column in run.table.profile.columns}
    assert reasons["weight"] == "numbers written with 'kg'"
    assert reasons["price"] == "numbers written with '€'"
    assert reasons["size"].endswith("('n/d') and count as missing (say size=category to keep them)")
    assert reasons["shoe"].endswith("('L', 'M'; say shoe=number to count those as missing)")
    assert all(form in reasons["when"] for form in ("yyyy-mm-dd", "dd.mm.yyyy", "mon dd, yyyy"))
    facts = {column.name: column.facts for column in run.table.profile.columns}
    assert 10 < facts["price"]["minimum"] < 200
    scores, baseline = run.evaluation.metrics["accuracy"], run.evaluation.baselines["prior"]["accuracy"]
    assert scores.value > baseline.value + 0.1


def test_every_understanding_can_be_overridden():
    write(horrors())
    told = ("weight=drop", "size=category", "city=category", "when=text", "shoe=number", "zip=number")
    options = [word for pair in told for word in ("--column", pair)]
    scales = ("--scale", "price=quantile", "--scale", "zip=minmax", "--outliers", "clip")
    ended = program("train", "data.csv", "-t", "bought", *QUICK, "-o", "run", *options, *scales)
    assert ended.status == 0, ended.err
    run = goodfit.load("run")
    kinds = {column.name: column.kind for column in run.table.profile.columns}
    assert [f"{name}={kinds[name]}".replace("dropped", "drop") for name in kinds if name != "price"][:3] == [
        "weight=drop", "size=category", "city=category",
    ]  # fmt: skip
    scalings = {column.name: getattr(column, "scaling", None) for column in run.table.preparation.columns}
    assert (scalings["price"], scalings["zip"]) == ("quantile", "minmax")
    assert run.recipe.scale == {"price": "quantile", "zip": "minmax"}
    city = next(column for column in run.table.preparation.columns if column.name == "city")
    assert {"Lima", "lima", "LIMA"} <= set(city.levels)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": ["heavy"] * 5}, "weight"),
        ({"when": ["soon"] * 5}, "when"),
        ({"price": None}, "price"),
    ],
)
def test_a_column_that_changed_its_type_is_named(change, words):
    write(horrors())
    assert program("train", "data.csv", "-t", "bought", *QUICK, "-o", "run", "-q").status == 0
    new = {name: cells[:5] for name, cells in horrors(seed=1).items() if name != "bought"} | change
    write({name: cells for name, cells in new.items() if cells is not None}, "new.csv")
    assert words in program("predict", "run", "new.csv", "-o", "out.csv").sentence


def test_a_column_that_changed_in_some_rows_is_predicted_with_and_said():
    write(horrors())
    assert program("train", "data.csv", "-t", "bought", *QUICK, "-o", "run", "-q").status == 0
    new = {name: cells[:5] for name, cells in horrors(seed=1).items() if name != "bought"}
    write(new | {"weight": ["70", "heavy", "71,5 kg", "", "1.2e2 kg"], "size": [""] * 5}, "new.csv")
    ended = program("predict", "run", "new.csv", "-o", "out.csv")
    assert ended.status == 0, ended.err
    assert "weight: 2 values are not numbers and count as missing" in ended.out + ended.err
    assert len(Path("out.csv").read_text().splitlines()) == 6


@pytest.mark.parametrize("language", ["en", "es"])
def test_fifty_classes_of_two_rows(language):
    random = np.random.default_rng(0)
    labels = [f"class {n // 2}" for n in range(100)]
    write({"x": [str(value) for value in random.normal(size=100)], "y": labels})
    ended = program("train", "data.csv", "-t", "y", *QUICK, "--language", language)
    assert ended.status == 0, ended.err
    assert "50" in ended.out


def test_thousands_of_columns():
    random = np.random.default_rng(0)
    values = random.normal(size=(2_000, 60)).round(2)
    wanted = np.where(values[0] + values[1] > 0, "a", "b")
    columns = {f"x{place}": list(map(str, row)) for place, row in enumerate(values.tolist())}
    write(columns | {"y": wanted.tolist()})
    ended = program("train", "data.csv", "-t", "y", "--epochs", "3", "--hidden", "8", "--no-progress")
    assert ended.status == 0, ended.err
    assert "2,000 numbers" in ended.out


def test_a_target_of_numbers_with_units():
    random = np.random.default_rng(0)
    x = random.normal(size=200)
    write({"x": x.astype(str).tolist(), "y": [f"{1000 + 300 * value:,.1f} km" for value in x]})
    ended = program("train", "data.csv", "-t", "y", *QUICK, "-o", "run")
    assert ended.status == 0, ended.err
    assert goodfit.load("run").evaluation.metrics["r2"].value > 0.9
