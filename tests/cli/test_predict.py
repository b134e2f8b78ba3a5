from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_for_tests import classes_run, content, numbers_run, people, program

CLASSES = ["prediction", "p_no", "p_yes"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    classes_run().save(folder / "run")
    numbers_run().save(folder / "numbers")
    people(60, seed=9).write_csv(folder / "new.csv")
    return folder


@pytest.fixture(autouse=True)
def place(home, tmp_path, monkeypatch) -> Path:
    for name in ("run", "numbers", "new.csv"):
        (tmp_path / name).symlink_to(home / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def expected() -> pl.DataFrame:
    return classes_run().predict(people(60, seed=9))


def test_predictions_go_to_stdout_as_csv_and_remarks_to_stderr():
    ended = program("predict", "run", "new.csv")
    assert ended.status == 0
    frame = pl.read_csv(io.StringIO(ended.out))
    assert frame.columns == CLASSES
    assert frame["prediction"].to_list() == expected()["prediction"].to_list()
    np.testing.assert_allclose(frame["p_yes"], expected()["p_yes"])
    assert "prediction" not in ended.err


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv", ".parquet"])
def test_the_suffix_decides_how_they_are_written(suffix):
    ended = program("predict", "run", "new.csv", "-o", f"deep/p{suffix}")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err.endswith(f"60 predictions written to deep/p{suffix}\n")
    path = Path(f"deep/p{suffix}")
    if suffix == ".parquet":
        frame = pl.read_parquet(path)
        assert frame.equals(expected())
    else:
        frame = pl.read_csv(path, separator="\t" if suffix == ".tsv" else ",")
    assert frame.columns == CLASSES
    assert frame.height == 60
    assert list(path.parent.iterdir()) == [path]


def test_an_output_of_another_kind_is_refused():
    ended = program("predict", "run", "new.csv", "-o", "p.xlsx")
    assert ended.status == 2
    assert ended.sentence == "The kind of p.xlsx is not known; end its name in one of .csv, .parquet, .tsv."
    assert not Path("p.xlsx").exists()


def test_a_file_that_is_there_is_replaced_only_by_force(place):
    Path("p.csv").write_text("precious")
    ended = program("predict", "run", "new.csv", "-o", "p.csv")
    assert ended.status == 2
    assert ended.sentence == "p.csv exists; choose another file, or replace it with --force."
    assert program("predict", "run", "gone.csv", "-o", "p.csv", "--force").status == 2
    assert Path("p.csv").read_text() == "precious"
    assert program("predict", "run", "new.csv", "-o", "p.csv", "--force", "-q").err == ""
    assert pl.read_csv("p.csv").columns == CLASSES


def test_an_output_that_cannot_be_written_is_refused_first():
    Path("file").write_text("x")
    Path("folder.csv").mkdir()
    said = program("predict", "run", "new.csv", "-o", "file/p.csv").sentence
    assert said == "file/p.csv cannot be written (Not a directory); choose another place."
    said = program("predict", "run", "new.csv", "-o", "folder.csv", "--force").sentence
    assert said == "folder.csv is a folder; give the name of a file."


def test_a_full_disk_is_status_3_and_keeps_the_old_file(monkeypatch):
    Path("p.csv").write_text("precious")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ended = program("predict", "run", "new.csv", "-o", "p.csv", "--force", "-q")
    assert ended.status == 3
    assert "p.csv could not be written (No space left on device)" in ended.err
    assert Path("p.csv").read_text() == "precious"
    assert sorted(path.name for path in Path().iterdir()) == ["new.csv", "numbers", "p.csv", "run"]


def test_logits_and_several_numbers():
    frame = pl.read_csv(io.StringIO(program("predict", "run", "new.csv", "--logits").out))
    assert frame.columns == ["prediction", "logit_no", "logit_yes"]
    frame = pl.read_csv(io.StringIO(program("predict", "numbers", "new.csv").out))
    assert frame.columns == ["prediction_age", "prediction_income"]


@settings(max_examples=15)
@given(st.permutations(people().columns), st.booleans(), st.booleans())
def test_columns_may_be_mixed_added_and_the_target_left_out(columns, added, without):
    frame = people(60, seed=9).select(columns)
    frame = frame.with_columns(extra=pl.lit("x")) if added else frame
    frame = frame.drop("bought") if without else frame
    frame.write_csv("mixed.csv")
    ended = program("predict", "run", "mixed.csv")
    assert ended.status == 0
    assert ended.out == program("predict", "run", "new.csv").out
    said = "The column 'extra' is not known to the model and is ignored." in ended.err
    assert said is added


def test_missing_columns_are_all_named():
    people().drop("age").write_csv("less.csv")
    ended = program("predict", "run", "less.csv")
    assert ended.status == 2
    assert ended.sentence.startswith("less.csv has no column 'age', which the model needs;")
    people().drop("age", "city").write_csv("less.csv")
    assert (
        "lacks 2 columns that the model needs: 'age', 'city'"
        in program("predict", "run", "less.csv").sentence
    )
    said = program("predict", "run", "less.csv", "--language", "es").sentence
    assert "'age', 'city'" in said
    assert "lacks" not in said


def test_categories_that_training_never_saw_are_said_and_predicted():
    people(60, seed=9).with_columns(city=pl.lit("Ushuaia")).write_csv("far.csv")
    ended = program("predict", "run", "far.csv")
    assert ended.status == 0
    assert "60 rows have values of 'city' that no training row has (such as Ushuaia; 1 in all)" in ended.err
    assert len(ended.out.splitlines()) == 61
    assert "Ushuaia" in program("predict", "run", "far.csv", "--language", "es").err
    assert program("predict", "run", "far.csv", "-q").err == ""


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("age", "old", "should hold numbers, and it holds none"),
        ("member", "perhaps", "should hold yes or no, and it holds neither"),
        ("joined", "soon", "should hold dates, and it holds none"),
    ],
)
def test_a_column_of_another_type_is_named(column, values, said):
    people().with_columns(pl.lit(values).alias(column)).write_csv("other.csv")
    ended = program("predict", "run", "other.csv")
    assert ended.status == 2
    assert ended.sentence.startswith(f"The column '{column}' of other.csv {said}")
    assert ended.sentence.endswith(f"(but '{values}'); correct it.")


def test_some_unreadable_values_count_as_missing():
    frame = people(60, seed=9).with_columns(
        age=pl.when(pl.int_range(60) < 3).then(pl.lit("old")).otherwise(pl.col("age").cast(pl.String))
    )
    frame.write_csv("some.csv")
    ended = program("predict", "run", "some.csv")
    assert ended.status == 0
    assert "age: 3 values are not numbers and count as missing ('old')." in ended.err


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("gone.csv", "There is no file gone.csv"),
        ("empty.csv", "empty.csv is empty"),
        ("header.csv", "header.csv has names of columns but no rows of data"),
        ("run", "run is a folder"),
    ],
)
def test_data_that_cannot_be_read_are_named(data, said):
    Path("empty.csv").touch()
    Path("header.csv").write_text("age,income,city,member,joined\n")
    ended = program("predict", "run", data)
    assert ended.status == 2
    assert said in ended.sentence


def test_what_is_no_run_is_named():
    Path("folder").mkdir()
    assert program("predict", "gone", "new.csv").sentence == "There is no run folder gone; check the path."
    assert "folder is no run folder" in program("predict", "folder", "new.csv").sentence


def test_a_table_may_be_written_in_another_way():
    frame = people(60, seed=9)
    frame.write_csv("odd.csv", separator="|", null_value="nothing")
    ended = program("predict", "run", "odd.csv", "--delimiter", "|", "--null-value", "nothing", "-q")
    assert ended.out == program("predict", "run", "new.csv", "-q").out
    assert program("predict", "run", "odd.csv", "--delimiter", "||").status == 2


def test_the_run_is_not_touched(home):
    before = content(home)
    program("predict", "run", "new.csv")
    program("evaluate", "run", "new.csv")
    assert content(home) == before


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are POSIX's")
def test_a_reader_that_wants_one_line_gets_it():
    command = f"({sys.executable} -m goodfit predict run new.csv -q; echo $? >&2) | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("prediction,p_no,p_yes\n", "0\n")
