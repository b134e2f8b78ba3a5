from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import goodfit
from spine_for_tests import TINY, Ended, content, people, people_file, program


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder, as somebody who has just begun does."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def quick_report(monkeypatch):
    """Leave out the report where a test is about something else."""
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language="en": f"<p>{run.name}</p>")


def train(*arguments: object) -> Ended:
    return program("train", *TINY, *arguments)


def test_a_table_becomes_a_run_that_is_told_of_on_stdout(place):
    people_file(place)
    ended = train("people.csv", "--target", "bought")
    assert (ended.status, ended.err) == (0, "")
    for said in (
        "people: 120 rows",
        "To predict: bought; binary, because bought has two values (no, yes).",
        "60 rows for training (50%), 24 for validation (20%), 36 for the test (30%).",
        "- 2 numbers: age, income",
        "- 1 category: city",
        "- 1 yes/no column: member",
        "- 1 date: joined",
        "- key: codes that never repeat",
        "mlp 8, ",
        "Kept: the weights of epoch ",
        "train_loss  ",
        "Evaluated on 36 rows.",
        "Open the report: runs/people-1/report.html",
        "Predict: goodfit predict runs/people-1 NEW.csv -o predictions.csv",
    ):
        assert said in " ".join(ended.out.split()) or said in ended.out
    assert ended.out.count("'key'") == 0
    assert max(map(len, ended.out.splitlines())) <= 100
    assert goodfit.load("runs/people-1").name == "people"
    assert "<svg" in Path("runs/people-1/report.html").read_text("utf-8")
    looked_at = goodfit.load("runs/people-1").table.analysis
    assert looked_at.to_dict() == goodfit.profile("people.csv", "bought").to_dict()


def test_runs_are_numbered_and_none_is_written_over(place, quick_report):
    people_file(place)
    train("people.csv", "--target", "bought", "-q")
    before = content(place / "runs" / "people-1")
    ended = train("people.csv", "--target", "bought", "-q")
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert sorted(path.name for path in Path("runs").iterdir()) == ["people-1", "people-2"]
    assert content(place / "runs" / "people-1") == before


def test_a_run_that_is_there_is_replaced_only_by_force(place, quick_report):
    people_file(place)
    train("people.csv", "--target", "bought", "-o", "run", "-q")
    before = content(place / "run")
    ended = train("people.csv", "--target", "age", "-o", "run")
    assert ended.status == 2
    assert (
        ended.sentence == "run is not empty; choose another folder, or replace it with --force (force=True)."
    )
    assert content(place / "run") == before
    assert train("nothing.csv", "--target", "age", "-o", "run", "--force").status == 2
    assert train("people.csv", "--target", "nothing", "-o", "run", "--force").status == 2
    assert content(place / "run") == before
    assert train("people.csv", "--target", "age", "-o", "run", "--force", "-q").status == 0
    assert goodfit.load("run").table.profile.targets == ("age",)
    assert not (place / "run" / ".new").exists()


def test_the_recipe_of_a_run_makes_the_same_weights_again(place, quick_report):
    people_file(place)
    options = ("--dropout", "0.1", "--optimizer", "adamw", "--weight-decay", "0.01", "--seed", "7")
    assert train("people.csv", "--target", "bought", "-o", "a", "-q", *options).status == 0
    again = program("train", "people.csv", "--target", "bought", "--recipe", "a/recipe.toml", "-o", "b", "-q")
    assert again.status == 0
    for name in ("model.safetensors", "recipe.toml", "preparation.json"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()


def test_options_change_fields_of_the_recipe_file(place, quick_report):
    people_file(place)
    Path("r.toml").write_text('epochs = 1\nhidden = [4, 4]\npatience = "none"\n')
    ended = program(
        "train", "people.csv", "--target", "bought", "--recipe", "r.toml", "--hidden", "5", "-o", "x", "-q"
    )
    assert ended.status == 0
    recipe = goodfit.load("x").recipe
    assert (recipe.epochs, recipe.hidden, recipe.patience) == (1, (5,), None)


def test_the_same_seed_gives_the_same_split_whatever_the_order_of_options(place, quick_report):
    people_file(place)
    train("people.csv", "--seed", "3", "--target", "bought", "-o", "a", "-q", "--batch-size", "16")
    train("people.csv", "--batch-size", "16", "-o", "b", "-q", "--target", "bought", "--seed", "3")
    splits = [json.loads(Path(name, "data.json").read_text("utf-8"))["split"] for name in ("a", "b")]
    assert splits[0] == splits[1]


def test_several_numbers_and_names_with_commas_are_predicted(place, quick_report):
    frame = people().rename({"income": "income, EUR"})
    frame.write_csv("p.csv")
    ended = train("p.csv", "--target", 'age,"income, EUR"', "-o", "x")
    assert ended.status == 0
    assert "because 2 numbers are predicted together" in ended.out
    assert goodfit.load("x").table.profile.targets == ("age", "income, EUR")


def test_given_validation_and_test_rows_are_used(place, quick_report):
    people_file(place)
    people_file(place, 30, seed=1, name="v.csv")
    people_file(place, 41, seed=2, name="t.csv")
    ended = train("people.csv", "--target", "bought", "--valid", "v.csv", "--test", "t.csv", "-o", "x")
    assert ended.status == 0
    assert "30 rows for validation, as given" in ended.out
    assert "41 rows for the test, as given" in ended.out
    assert "Evaluated on 41 rows" in ended.out


def test_everything_is_said_in_spanish(place):
    people_file(place)
    ended = train("people.csv", "--target", "bought", "--language", "es", "-o", "x")
    assert ended.status == 0
    for said in (
        "DATOS",
        "ENTRENAMIENTO",
        "HALLAZGOS",
        "PRUEBA",
        "Se predice: bought; binaria",
        "Abra el informe",
    ):
        assert said in ended.out
    english = ("rows", "weights", "epochs", "columns", "network", "Report", "Evaluated", "numbers", "ended")
    assert not [word for word in english if f" {word} " in ended.out]
    assert '<html lang="es"' in Path("x/report.html").read_text("utf-8")


def test_findings_can_fail_a_pipeline(place, quick_report):
    people_file(place)
    base = ("train", "people.csv", "--target", "bought", "--epochs", "3", "-q")
    diverging = (*base, "--learning-rate", "1e9", "--optimizer", "sgd")
    assert program(*diverging, "-o", "a").status == 0
    assert any(item.severity == "error" for item in goodfit.load("a").findings)
    for severity in ("info", "warning", "error"):
        assert program(*diverging, "--fail-on", severity, "-o", severity).status == 1
        assert goodfit.load(severity).history.ended_by is not None
    ended = program(*base, "--fail-on", "warnings")
    assert ended.status == 2
    assert "--fail-on of train is warnings; it should be one of info, warning, error" in ended.sentence


def rows(*cells: str) -> str:
    return "".join(f"{number},{cell}\n" for number, cell in enumerate(cells))


def write(name: str, text: str | bytes) -> None:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())


BAD_TABLES = {
    "missing": (None, "There is no file data.csv; check the path."),
    "empty": ("", "data.csv is empty;"),
    "blank": ("\n\n  \n", "data.csv"),
    "header only": ("x,y\n", "data.csv has names of columns but no rows of data"),
    "binary": (bytes(range(256)) * 40, "data.csv is not a text file"),
    "zip": (b"PK\x03\x04" + bytes(500), "data.csv"),
    "no target": ("x,Y\n" + rows(*"01" * 30), "data.csv has no column 'y'; did you mean 'Y'?"),
    "far from a target": (
        "a,b\n" + rows(*"01" * 30),
        "data.csv has no column 'y'; its columns are 'a', 'b'.",
    ),
    "constant target": ("x,y\n" + rows(*["7"] * 40), "The target y is 7 in every row"),
    "missing target": ("x,y\n" + rows(*[""] * 40), "The target y has no values that can be used"),
    "one class": ("x,y\n" + rows(*["a", ""] * 30), "The target y is a in every row"),
    "few rows": (
        "x,y\n" + rows(*"01" * 9),
        "data.csv has only 18 rows with a target; at least 20 are needed.",
    ),
    "few targets": ("x,y\n" + rows(*(["0", "1", "", ""] * 9)), "has only 18 rows with a target"),
    "one row": ("x,y\n1,2\n", "data.csv has only one row with a target"),
    "duplicate names": ("x,x,y\n" + "1,2,0\n2,1,1\n" * 30, "data.csv has more than one column named 'x'"),
    "ragged": ("x,y\n" + "1,0\n2,1\n" * 20 + "1,2,3\n", "Line 42 of data.csv has 3 fields"),
    "nothing to learn from": (
        "k,id,y\n" + "".join(f"7,{number},{number % 2}\n" for number in range(40)),
        "No column of data.csv is left to learn from",
    ),
    "only huge numbers": (
        "x,y\n" + "1e300,0\n-1e300,1\n" * 20,
        "No column of data.csv is left to learn from",
    ),
    "huge targets": (
        "x,y\n" + rows(*[f"{number + 1}e300" for number in range(40)]),
        "The target y has no values",
    ),
    "texts as target": (
        "x,y\n" + rows(*[f"text {number}" for number in range(40)]),
        "The target y has 40 different values in 40 rows",
    ),
    "open quote": ('x,y\n1,"0\n' + rows(*"01" * 30), "data.csv"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_table_that_cannot_be_learned_from_is_refused_in_one_sentence(place, name, language):
    text, sentence = BAD_TABLES[name]
    if text is not None:
        write("data.csv", text)
    before = content(place)
    ended = train("data.csv", "--target", "y", "--language", language)
    assert ended.status == 2, ended
    if language == "en":
        assert sentence in ended.sentence
    else:
        assert ended.sentence.count(" the ") == 0
    assert content(place) == before
    assert not Path("runs").exists()


def test_a_folder_is_no_table(place):
    Path("data.csv").mkdir()
    assert (
        train("data.csv", "--target", "y").sentence
        == "data.csv is a folder; give the file with the table in it."
    )


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(place):
    people_file(place).chmod(0)
    assert "may not be read" in train("people.csv", "--target", "bought").sentence


ODD_TABLES = {
    "infinities": "x,y\n"
    + "".join(f"{'inf' if n == 5 else '-inf' if n == 6 else n},{n % 2}\n" for n in range(60)),
    "1e300": "x,y\n" + "".join(f"{'1e300' if n == 5 else n},{n % 2}\n" for n in range(60)),
    "40 digits": "x,y\n" + "".join(f"{'1' * 40 if n == 5 else n},{n % 2}\n" for n in range(60)),
    "a rare class": "x,y\n" + "".join(f"{n},{'c' if n == 5 else 'ab'[n % 2]}\n" for n in range(60)),
    "some targets missing": "x,y\n" + "".join(f"{n},{'' if n % 3 == 0 else n % 2}\n" for n in range(90)),
    "many texts": "x,t,y\n" + "".join(f"{n},the text number {n},{n % 2}\n" for n in range(2000)),
    "decimal commas": "x;y\n" + "".join(f"{n},5;{n % 2}\n" for n in range(60)),
    "quoted lines": "x,y\n" + "".join(f'{n},"{"a" if n % 2 else "b"}\n"\n' for n in range(60)),
    "windows": ("\ufeffx,y\r\n" + "".join(f"{n},{n % 2}\r\n" for n in range(60))),
    "blank names": ",x,y\n" + "".join(f"{n},{n * 2},{n % 2}\n" for n in range(60)),
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("infinities", "x: 2 values are infinite or beyond 3e38 and count as missing."),
        ("1e300", "x: one value is infinite or beyond 3e38 and counts as missing."),
        ("40 digits", "x: one value is infinite or beyond 3e38 and counts as missing."),
        ("a rare class", "The class c has too few rows (1) to be in every part;"),
        ("some targets missing", "30 rows have no target and are left out."),
        ("many texts", "1 short text: t"),
        ("decimal commas", "Numbers have a decimal comma."),
        ("quoted lines", "binary, because y has two values"),
        ("windows", "x: it only counts the rows"),
        ("blank names", "A column without a name is called"),
    ],
)
def test_an_odd_table_is_trained_on_and_what_was_done_is_said(place, quick_report, name, said):
    write("data.csv", ODD_TABLES[name])
    extra = ("--column", "x=number") if name != "windows" else ()
    ended = train("data.csv", "--target", "y", *extra)
    if name == "windows":
        assert ended.status == 2
        assert said.removeprefix("x: ") in ended.sentence
        return
    assert ended.status == 0, ended
    assert said in " ".join(ended.out.split())
    assert program("predict", "runs/data-1", "data.csv", "-q").status == 0


BAD_OPTIONS = [
    (("--target", "nothing"), "people.csv has no column 'nothing'"),
    ((), "Say which column to predict with --target"),
    (("--target", "bought", "--task", "regression"), "a regression needs numbers"),
    (("--target", "bought", "--task", "guess"), "There is no task 'guess'; the tasks are"),
    (("--target", "city,bought"), "and a regression needs numbers"),
    (("--target", "bought", "--learning-rate", "-1"), "learning_rate is -1; it should be a number above 0."),
    (("--target", "bought", "--hidden", "8,x"), "hidden is 8,x; it should be a whole number of at least 1"),
    (("--target", "bought", "--model", "mpl"), "There is no network called 'mpl'; did you mean 'mlp'?"),
    (("--target", "bought", "--optimizer", "adan_"), "optimizer"),
    (("--target", "bought", "--schedule", "cosin"), "did you mean 'cosine'?"),
    (("--target", "bought", "--metrics", "acuracy"), "did you mean 'accuracy'?"),
    (("--target", "bought", "--monitor", "valid_f1"), "Nothing called 'valid_f1' is measured"),
    (("--target", "bought", "--loss", "mse"), ""),
    (("--target", "bought", "--device", "abacus"), "The device 'abacus' cannot be used"),
    (("--target", "bought", "--recipe", "gone.toml"), "There is no recipe file gone.toml"),
    (("--target", "bought", "--recipe", "typo.toml"), "typo.toml: A recipe has no field 'learning_rte'"),
    (("--target", "bought", "--column", "age"), "--column 'age' is not a pair"),
    (("--target", "bought", "--column", "age=colour"), "cannot be of the kind 'colour'; the kinds are"),
    (("--target", "bought", "--column", "ages=number"), "has no column 'ages'; did you mean 'age'?"),
    (("--target", "bought", "--group-column", "town"), "has no column 'town'"),
    (("--target", "bought", "--group-column", "bought"), "is the target; the rows cannot be split by it"),
    (("--target", "bought", "--time-column", "city"), "The column 'city' cannot tell the time of the rows"),
    (("--target", "bought", "--delimiter", ";;"), "The delimiter is ';;'"),
    (("--target", "bought", "--encoding", "klingon"), "There is no encoding 'klingon'"),
    (("--target", "bought", "--decimal", "x"), "The decimal sign is 'x'"),
    (("--target", "bought", "--valid", "gone.csv"), "There is no file gone.csv"),
    (("--target", "bought", "--test", "other.csv"), "other.csv lacks"),
    (("--target", "bought", "--output", "file"), "file is a file; a run needs a folder of its own."),
    (("--target", "bought", "--output", "file/x"), "The folder file/x cannot be written (Not a directory)"),
    (("--target", "bought", "--output", "thesis", "--force"), "holds something else than a run"),
    (("--resume", "thesis"), "There is no training to go on with in thesis"),
    (("--resume", "thesis", "--output", "x"), "--output cannot go with --resume"),
]


@pytest.mark.parametrize(("options", "sentence"), BAD_OPTIONS)
def test_a_wrong_option_is_refused_before_anything_is_written(place, options, sentence):
    people_file(place)
    write("typo.toml", "learning_rte = 1")
    write("other.csv", "a,bought\n1,yes\n")
    write("file", "x")
    Path("thesis").mkdir()
    write("thesis/chapter.tex", "x")
    before = content(place)
    ended = train("people.csv", *options)
    assert ended.status == 2, ended
    assert sentence in ended.sentence
    assert content(place) == before


def test_a_full_disk_while_training_keeps_the_old_run(place, quick_report, monkeypatch):
    people_file(place)
    assert train("people.csv", "--target", "bought", "-o", "run", "-q").status == 0
    before = content(place / "run")
    real = os.fsync
    calls = {"count": 0, "at": 0}

    def full(handle: int) -> None:
        calls["count"] += 1
        if calls["count"] >= calls["at"] > 0:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    for at in (1, 2, 5, 9, 14, 20):
        calls.update(count=0, at=at)
        ended = train("people.csv", "--target", "age", "-o", "run", "--force")
        assert ended.status == 3, ended
        assert "No space left on device" in ended.err
        assert ended.err.count("\n") == 1
        assert {
            name: data for name, data in content(place / "run").items() if not name.startswith(".new")
        } == before
    assert goodfit.load("run").table.profile.targets == ("bought",)


CELLS = st.one_of(
    st.floats(width=32).map(repr),
    st.integers(-(10**6), 10**6).map(str),
    st.integers(10**39, 10**40).map(str),
    st.sampled_from(["", "NA", "?", "null", "-", "1e300", "-inf", "nan", "1,5", "1.234,5", "$3", "7 %"]),
    st.sampled_from(
        ["yes", "no", "true", "FALSE", "0", "1", "a", "b", "A ", '"', "á", "2024-01-31", "31/12/99"]
    ),
    st.text(max_size=6),
)


@st.composite
def messy_tables(draw) -> tuple[str, str]:
    """Return a file's text and its target, with columns of one habit each and now and then a stray cell."""
    height = draw(st.integers(18, 50))
    names = draw(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4, unique=True))
    columns = []
    for _ in names:
        habit = draw(st.lists(CELLS, min_size=1, max_size=5))
        stray = draw(CELLS)
        random = draw(st.randoms(use_true_random=False))
        columns.append([stray if random.random() < 0.03 else random.choice(habit) for _ in range(height)])
    target = draw(st.lists(CELLS, min_size=1, max_size=4, unique=True) | st.just(["yes", "no"]))
    names.append(draw(st.sampled_from(["y", "the target", "ÿ"])))
    columns.append([target[number % len(target)] for number in range(height)])
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    quoted = draw(st.booleans())

    def cell(text: str) -> str:
        if quoted or any(sign in text for sign in (delimiter, '"', "\n", "\r")):
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = [names, *zip(*columns, strict=True)]
    return "\n".join(delimiter.join(map(cell, line)) for line in lines) + "\n", names[-1]


@settings(max_examples=100)
@given(messy_tables())
def test_whatever_the_table_it_is_trained_on_or_refused(tmp_path_factory, messy):
    text, target = messy
    folder = tmp_path_factory.mktemp("messy")
    path = folder / "data.csv"
    path.write_text(text, "utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("goodfit.run_report.report_html", lambda run, language="en": "")
        patch.setattr(os, "fsync", lambda handle: None)
        ended = train(path, "--target", f'"{target}"', "-o", folder / "run")
        assert ended.status in (0, 2), ended
        if ended.status == 2:
            assert ended.err.count("\n") == 1
            assert not (folder / "run").exists()
            return
        assert ended.err == ""
        predicted = program("predict", folder / "run", path, "-o", folder / "p.parquet", "-q")
        assert predicted.status == 0, predicted
        frame = pl.read_parquet(folder / "p.parquet")
        assert frame["prediction"].null_count() == 0
        assert np.isfinite(frame.select(pl.selectors.numeric()).to_numpy()).all()
        assert program("evaluate", folder / "run", path, "-q").status == 0
    shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_leaves_a_whole_run_and_status_130(place):
    people_file(place, 2000)
    command = [sys.executable, "-m", "goodfit", "train", "people.csv", "--target", "bought", "-o", "run"]
    endless = ["--epochs", "1000000", "--patience", "none"]
    process = subprocess.Popen(
        [*command, *endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not Path("run/checkpoint/job.json").exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "interrupted" in out
    assert "Go on training: goodfit train --resume run" in out
    run = goodfit.load("run")
    assert run.history.ended_by == "interrupted"
    assert len(run.history) > 1
    assert run.predict(people()).height == 120


def test_stopped_at_once_it_says_how_to_go_on(place, monkeypatch):
    people_file(place)

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("goodfit.workflow.train.finish", stopped)
        ended = train("people.csv", "--target", "bought")
    said = "Stopped. Go on with: goodfit train --resume runs/people-1"
    assert (ended.status, ended.out, ended.err.strip()) == (130, "", said)
    assert program("train", "--resume", "runs/people-1", "-q").status == 0
    with monkeypatch.context() as patched:
        patched.setattr("goodfit.workflow.train.parts_of", stopped)
        ended = train("people.csv", "--target", "bought")
    assert (ended.status, ended.out, ended.err) == (130, "", "")
    assert not (place / "runs" / "people-2").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are POSIX's")
def test_a_reader_that_goes_away_is_no_failure(place):
    people_file(place)
    command = f"{sys.executable} -m goodfit train people.csv --target bought --epochs 1 -o run; echo $? >&2"
    done = subprocess.run(f"({command}) | head -1", shell=True, capture_output=True, text=True, check=False)
    assert done.stdout == "DATA\n"
    assert done.stderr == "0\n"
    assert goodfit.load("run").name == "people"


def test_seeds_and_folds_are_told_of_and_an_ensemble_says_how_far_it_disagrees(place):
    people_file(place)
    ended = train("people.csv", "--target", "bought", "--seeds", "3", "--ensemble")
    assert (ended.status, ended.err) == (0, "")
    said = " ".join(ended.out.split())
    assert "SEEDS quantity" in said
    assert "3 trainings on the same rows, with the seeds 0 to 2" in said
    assert "The model is their average." in said
    assert "By chance alone two trainings by this recipe differ in log loss by up to" in said
    predicted = program("predict", "runs/people-1", "people.csv", "--disagreement")
    assert predicted.out.splitlines()[0] == "prediction,p_no,p_yes,disagreement"
    ended = train("people.csv", "--target", "bought", "--folds", "3", "--language", "es")
    assert "Validación cruzada: con 3 particiones" in " ".join(ended.out.split())
    report = (place / "runs/people-2/report.html").read_text("utf-8")
    assert "Cuánto es azar" in report
    refused = program("predict", "runs/people-2", "people.csv", "--disagreement").sentence
    assert refused.startswith("The run people is a single network")
    assert (
        "leave one of the two out" in train("people.csv", "-t", "bought", "--seeds", 2, "--folds", 2).sentence
    )
