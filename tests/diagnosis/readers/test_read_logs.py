"""Logs in the shapes that other tools write them; see `source` for which."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.diagnosis.curves_for_tests import overfitted

from goodfit.diagnosis.diagnose import diagnose, missing_evidence
from goodfit.diagnosis.readers import documents
from goodfit.diagnosis.readers.read import read_logs
from goodfit.errors import InputError

TRAIN, VALID = overfitted(40)


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def table(header, rows, separator=","):
    return "\n".join([header, *(separator.join(map(str, row)) for row in rows)]) + "\n"


def plain(rows=40):
    return table("epoch,train_loss,valid_loss", [(e + 1, TRAIN[e], VALID[e]) for e in range(rows)])


def speak(log):
    """Diagnose a log, and say all there is to say in both languages."""
    findings = diagnose(log.observations)
    for language in ("en", "es"):
        for message in (*log.notes, *missing_evidence(log.observations)):
            assert not message.text(language).startswith(message.code)
        for finding in findings:
            finding.to_dict(language)
    return [finding.code for finding in findings]


def only(path, **columns):
    runs = read_logs(path, **columns)
    assert len(runs) == 1
    return runs[0]


def test_the_plain_contract_is_read_exactly(tmp_path):
    run = only(write(tmp_path, "run.csv", plain()))
    history = run.observations.history
    assert history["epoch"].tolist() == list(range(1, 41))
    assert history["train_loss"].tolist() == TRAIN.tolist()
    assert history["valid_loss"].tolist() == VALID.tolist()
    assert "overfitting" in [finding.code for finding in diagnose(run.observations)]


def test_optional_columns_of_the_contract(tmp_path):
    header = "epoch,train_loss,valid_loss,train_accuracy,valid_accuracy,learning_rate"
    history = read_logs(
        write(tmp_path, "a.csv", table(header, [(1, 2, 2, 0.5, 0.4, 0.01), (2, 1, 1, 0.6, 0.5, 0.01)]))
    )[0].observations.history
    assert history["learning_rate"].tolist() == [0.01, 0.01]
    assert history["valid_accuracy"].tolist() == [0.4, 0.5]
    assert history.metrics == ("accuracy",)


def test_keras_csv_counts_from_zero_and_logs_running_means(tmp_path):
    text = table(
        "epoch,accuracy,loss,val_accuracy,val_loss", [(0, 0.5, 1.0, 0.4, 1.1), (1, 0.6, 0.9, 0.5, 1.0)]
    )
    run = only(write(tmp_path, "log.csv", text))
    assert run.format == "keras"
    assert run.observations.train_loss_is == "running-mean"
    assert run.observations.history["epoch"].tolist() == [1, 2]
    assert "log.epochs-from-zero" in [note.code for note in run.notes]
    assert run.observations.history["valid_loss"].tolist() == [1.1, 1.0]
    assert run.observations.history["train_accuracy"].tolist() == [0.5, 0.6]


def test_keras_history_as_json_with_nan(tmp_path):
    text = '{"loss": [1.0, 0.9, NaN], "val_loss": [1.1, 1.0, NaN], "accuracy": [0.1, 0.2, 0.1]}'
    run = only(write(tmp_path, "history.json", text))
    assert run.format == "keras-history"
    assert "non-finite-loss" in [finding.code for finding in diagnose(run.observations)]


def test_lightning_rows_are_sparse(tmp_path):
    text = table(
        "epoch,step,train_loss_epoch,train_loss_step,val_loss",
        [
            *[(0, 9, "", 2.0, ""), (0, 19, "", 1.8, ""), (0, 19, "", "", 1.7), (0, 19, 1.9, "", "")],
            *[(1, 29, "", 1.6, ""), (1, 39, "", 1.5, ""), (1, 39, "", "", 1.4), (1, 39, 1.55, "", "")],
        ],
    )
    run = only(write(tmp_path, "metrics.csv", text))
    history = run.observations.history
    assert run.format == "lightning"
    measured = np.isfinite(history["valid_loss"])
    assert history["valid_loss"][measured].tolist() == [1.7, 1.4]
    assert history["train_loss"][measured].tolist() == [1.9, 1.55]


def test_hugging_face_state_leaves_out_the_summary(tmp_path):
    log = []
    for step in range(10, 101, 10):
        log.append({"loss": 2 - step / 100, "learning_rate": 1e-4, "epoch": step / 20, "step": step})
        if step % 20 == 0:
            log.append(
                {
                    "eval_loss": 2.1 - step / 100,
                    "eval_accuracy": 0.5,
                    "eval_runtime": 3.0,
                    "epoch": step / 20,
                    "step": step,
                }
            )
    log.append({"train_runtime": 99.0, "train_loss": 1.4, "epoch": 5.0, "step": 100})
    run = only(write(tmp_path, "trainer_state.json", json.dumps({"log_history": log, "global_step": 100})))
    history = run.observations.history
    assert run.format == "trainer-state"
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert history["step"].tolist() == [20, 40, 60, 80, 100]
    assert history["train_loss"].tolist() == pytest.approx([1.85, 1.65, 1.45, 1.25, 1.05])
    assert np.isfinite(history["valid_loss"]).all()
    assert "valid_runtime" not in history


@pytest.mark.parametrize("pad", ["", "      "])
def test_ultralytics_losses_are_added_up(tmp_path, pad):
    names = [
        "epoch",
        "train/box_loss",
        "train/cls_loss",
        "metrics/precision(B)",
        "val/box_loss",
        "val/cls_loss",
        "lr/pg0",
    ]
    text = table(
        ",".join(pad + name for name in names),
        [(1, 1.5, 2.5, 0.1, 1.0, 2.0, 0.01), (2, 1.0, 2.0, 0.2, 0.9, 1.9, 0.01)],
    )
    run = only(write(tmp_path, "results.csv", text))
    assert run.format == "ultralytics"
    assert run.observations.history["train_loss"].tolist() == [4, 3]
    assert run.observations.history["valid_loss"].tolist() == pytest.approx([3, 2.8])
    assert run.observations.history["learning_rate"].tolist() == [0.01, 0.01]
    assert run.notes
    assert all(note.text(language) for note in run.notes for language in ("en", "es"))


@pytest.mark.parametrize(
    ("rows", "epochs"),
    [
        ([("0", 1.0, 1.1), ("1", 0.9, 1.0)], [1, 2]),
        ([("1", 1.0, 1.1), ("2", 0.9, 1.0)], [1, 2]),
        ([("0", "", 1.1), ("1", 0.9, 1.0)], [0, 1]),  # evaluated before it was trained
        ([("0", "", 1.1), ("1", "", 1.0)], [1, 2]),
        ([("0.0", 1.0, 1.1), ("0.5", 0.9, 1.0)], [0, 0.5]),  # how much has been trained
    ],
)
def test_epochs_are_counted_from_one(tmp_path, rows, epochs):
    run = only(write(tmp_path, "log.csv", table("epoch,train_loss,valid_loss", rows)))
    assert run.observations.history["epoch"].tolist() == epochs


def test_fastai_and_skorch_and_ludwig(tmp_path):
    fastai = only(
        write(
            tmp_path,
            "history.csv",
            table(
                "epoch,train_loss,valid_loss,accuracy,time",
                [(0, 1, 1.1, 0.5, "00:03")] * 1 + [(1, 0.9, 1, 0.6, "00:03")],
            ),
        )
    )
    assert fastai.format == "fastai"
    assert fastai.observations.history["epoch"].tolist() == [1, 2]
    assert fastai.observations.history["valid_accuracy"].tolist() == [0.5, 0.6]
    rows = [
        {
            "batches": [{"train_loss": 1}],
            "epoch": e,
            "train_loss": 2 / e,
            "valid_loss": 3 / e,
            "dur": 0.1,
            "valid_loss_best": True,
        }
        for e in (1, 2)
    ]
    skorch = only(write(tmp_path, "skorch.json", json.dumps(rows)))
    assert skorch.format == "skorch"
    assert skorch.observations.history["valid_loss"].tolist() == [3, 1.5]
    statistics = {
        "training": {"combined": {"loss": [2, 1]}},
        "validation": {"combined": {"loss": [2.1, 1.2]}},
        "test": {},
    }
    ludwig = only(write(tmp_path, "training_statistics.json", json.dumps(statistics)))
    assert ludwig.format == "ludwig"
    assert ludwig.observations.history["valid_loss"].tolist() == [2.1, 1.2]


def test_json_lines_cut_off_in_the_middle_are_read_up_to_there(tmp_path):
    lines = [json.dumps({"epoch": e, "train": {"loss": 2 / e}, "val": {"loss": 3 / e}}) for e in (1, 2, 3)]
    run = only(write(tmp_path, "log.jsonl", "\n".join(lines) + '\n{"epoch": 4, "trai'))
    assert run.observations.history["train_loss"].tolist() == [2, 1, 2 / 3]


def test_a_chart_export_holds_a_run_a_column(tmp_path):
    text = table(
        '"Step","good - val_loss","good - val_loss__MIN","bad - val_loss"', [(0, 1, 1, 2), (1, 0.9, 0.9, 2.1)]
    )
    runs = read_logs(write(tmp_path, "chart.csv", text))
    assert {run.name: run.observations.history["valid_loss"].tolist() for run in runs} == {
        "good": [1, 0.9],
        "bad": [2, 2.1],
    }


def test_mlflow_keeps_a_file_a_metric(tmp_path):
    folder = tmp_path / "run" / "metrics"
    folder.mkdir(parents=True)
    write(folder, "train_loss", "1700 2.0 1\n1701 1.0 2\n")
    write(folder, "val_loss", "1700 2.1 1\n1701 1.1 2\n")
    run = only(tmp_path / "run")
    assert run.format == "mlflow"
    assert run.observations.history["valid_loss"].tolist() == [2.1, 1.1]


def test_runs_are_told_apart_by_a_column_or_where_epochs_begin_again(tmp_path):
    rows = [(run, e, 2 / e, 3 / e) for run in "ab" for e in (1, 2, 3)]
    named = read_logs(write(tmp_path, "named.csv", table("run,epoch,train_loss,valid_loss", rows)))
    assert [run.name for run in named] == ["named: a", "named: b"]
    again = read_logs(
        write(tmp_path, "again.csv", table("epoch,train_loss,valid_loss", [row[1:] for row in rows]))
    )
    assert [run.observations.history["epoch"].tolist() for run in again] == [[1, 2, 3], [1, 2, 3]]


def test_a_resumed_run_keeps_the_later_rows(tmp_path):
    rows = [(1, 3, 3), (2, 2, 2), (3, 9, 9), (2, 1.9, 1.9), (3, 1.5, 1.5), (4, 1, 1)]
    history = only(
        write(tmp_path, "run.csv", table("epoch,train_loss,valid_loss", rows))
    ).observations.history
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["valid_loss"].tolist() == [3, 1.9, 1.5, 1]


def test_columns_can_be_told(tmp_path):
    path = write(tmp_path, "odd.csv", table("epoch,a,b", [(1, 2, 3), (2, 1, 2)]))
    history = only(path, train_loss="a", valid_loss="b").observations.history
    assert history["valid_loss"].tolist() == [3, 2]
    assert history["train_loss"].tolist() == [2, 1]
    with pytest.raises(InputError, match="'c'"):
        read_logs(path, valid_loss="c")


def test_what_logs_lack_can_be_told(tmp_path):
    seen = only(
        write(tmp_path, "run.csv", plain()), classes=3, prior_loss=1.1, validation_rows=50
    ).observations
    assert (seen.classes, seen.task, seen.prior_loss, seen.valid_rows) == (3, "multiclass", 1.1, 50)
    with pytest.raises(InputError, match="classes is 1"):
        read_logs(tmp_path / "run.csv", classes=1)


def test_losses_of_which_none_is_the_training_s_are_asked_for(tmp_path):
    path = write(tmp_path, "gan.csv", table("epoch,g_loss,d_loss", [(1, 2, 3), (2, 1, 2)]))
    with pytest.raises(InputError, match="--train-loss g_loss"):
        read_logs(path)
    assert only(path, train_loss="d_loss").observations.history["train_loss"].tolist() == [3, 2]


def test_accuracy_in_percent_and_missing_words(tmp_path):
    text = table(
        "epoch;loss;val_loss;val_acc", [(1, 2, "NA", 50), (2, "", 1.5, "60 %"), (3, 1, 1.2, "N/A")], ";"
    )
    history = only(write(tmp_path, "run.csv", text)).observations.history
    assert history["valid_accuracy"][:2].tolist() == [0.5, 0.6]
    assert np.isnan(history["valid_loss"][0])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("words.txt", b"hello there"),
        ("binary.csv", b"\0\1\2" * 50),
        ("one.json", b"[1, 2"),
        ("number.json", b"3"),
        ("names.csv", b"a,b\nx,y\n"),
        ("header.csv", b"epoch,train_loss\n"),
    ],
)
def test_what_is_no_log_is_refused_in_a_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_logs(path)
    assert str(path) in str(caught.value)
    assert caught.value.text("es")


def test_a_log_with_its_head_alone_is_called_empty(tmp_path):
    with pytest.raises(InputError, match="let the training write an epoch first"):
        read_logs(write(tmp_path, "begun.csv", "epoch,train_loss,valid_loss\n"))


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        read_logs(tmp_path / "nowhere.csv")


def test_a_line_cut_off_is_left_out(tmp_path):
    history = only(write(tmp_path, "run.csv", plain(10) + "11,0.3")).observations.history
    assert len(history) == 10


@settings(max_examples=120, deadline=None)
@given(
    st.binary(max_size=200) | st.text('epochlstrainvd_,;.0123456789\n-"{}[]:', max_size=200).map(str.encode),
    st.sampled_from([".csv", ".json", ".jsonl"]),
)
def test_no_content_breaks_it(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("logs") / f"log{suffix}"
    path.write_bytes(content)
    try:
        found = read_logs(path)
    except InputError:
        return
    for log in found:
        speak(log)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            *[st.sampled_from(["", "nan", "inf", "1e400", "-3", "0.5", "7", "x", "12345678901234567890"])] * 3
        ),
        max_size=12,
    )
)
def test_no_cell_breaks_a_table(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("logs") / "log.csv"
    path.write_text(table("epoch,train_loss,val_loss", rows))
    try:
        found = read_logs(path)
    except InputError:
        return
    for log in found:
        speak(log)


def test_a_log_of_a_million_steps_is_diagnosed(tmp_path):
    steps = np.arange(1, 1_000_001)
    loss = 0.3 + steps**-0.3 * (1 + 0.1 * np.sin(steps))
    valid = np.where(steps % 10_000 == 0, loss * 1.1, np.nan)
    rows = "".join(
        f"{s},{a:.6g},{'' if np.isnan(v) else format(v, '.6g')}\n"
        for s, a, v in zip(steps, loss, valid, strict=True)
    )
    path = write(tmp_path, "long.csv", "step,train_loss,val_loss\n" + rows)
    run = only(path)
    diagnose(run.observations)
    assert len(run.observations.history) == 100


BASE = [(e, 0.9**e + 0.1, 0.5 + 0.02 * e) for e in range(1, 31)]
HEADER = "epoch,train_loss,valid_loss"


@pytest.mark.parametrize(
    ("text", "points", "note"),
    [
        (table(HEADER, BASE[::-1]), 30, "log.out-of-order"),
        (table(HEADER, BASE[:5] + BASE[15:]), 20, None),
        (table(HEADER, BASE[:20] + BASE[10:]), 30, "log.resumed"),
        (table(HEADER, BASE[:10]) + table(HEADER, BASE[10:]), 30, None),
        (table("train_loss,valid_loss", [row[1:] for row in BASE]), 30, "log.rows-counted"),
        (table("step,train_loss,valid_loss", BASE), 30, "log.points-counted"),
        (table("epoch,train_loss,test_loss", BASE), 30, "log.test-as-valid"),
        (table(HEADER, [row for row in BASE for _ in "ab"]), 30, "log.rows-averaged"),
        (table("epoch train_loss  valid_loss", BASE, "  "), 30, None),
        (table('"Epoch","Train Loss","Val Loss"', BASE), 30, None),
        (
            table("Epoch,trainLoss,valLoss", [(e, f'"tensor({t}, device=0)"', v) for e, t, v in BASE]),
            30,
            None,
        ),
        (table(HEADER, [(e, t, v if e % 5 == 0 else "nan") for e, t, v in BASE]), 30, None),
        (table(HEADER.replace(",", ";"), BASE, ";").replace(".", ","), 30, None),
        (table(HEADER, BASE).replace("\n", "\r\n"), 30, None),
        ("\ufeff" + table(HEADER, BASE), 30, None),
    ],
)
def test_overfitting_is_found_however_the_log_is_spoilt(tmp_path, text, points, note):
    path = tmp_path / "run.csv"
    path.write_bytes(text.encode())
    log = only(path)
    assert len(log.observations.history) == points
    assert [message.code for message in log.notes] == ([] if note is None else [note])
    assert speak(log)[0] == "overfitting"


@pytest.mark.parametrize("end", ["nan,nan", "inf,NA", "1e400,1", "nan,", "NaN,-inf"])
def test_a_loss_that_ends_as_no_number_is_found(tmp_path, end):
    text = table(HEADER, BASE[:9]) + f"10,{end}\n"
    assert speak(only(write(tmp_path, "run.csv", text)))[0] == "non-finite-loss"


@pytest.mark.parametrize(
    "rows",
    [
        BASE[:1],
        [(1, 0.5, 0.5)] * 20,
        [(e, 1e300 * e, 1e308) for e in range(20)],
        [(e, -e, -e) for e in range(20)],
        [("nan", t, v) for _, t, v in BASE],
        [(e, "", "") for e, _, _ in BASE] + [(31, 1, 1)],
    ],
)
def test_odd_numbers_lead_to_findings_or_a_sentence(tmp_path, rows):
    for log in read_logs(write(tmp_path, "run.csv", table(HEADER, rows))):
        speak(log)


def test_only_a_metric_is_said_to_be_too_little(tmp_path):
    log = only(write(tmp_path, "run.csv", table("epoch,accuracy", [(e, 50 + e) for e in range(30)])))
    assert {"log.no-loss", "log.percent"} <= {note.code for note in log.notes}
    assert log.observations.history["train_accuracy"][0] == 0.5
    assert speak(log) == []


ROWS = [{"epoch": e, "train_loss": 2 / e, "valid_loss": 3 / e} for e in range(1, 21)]


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"phase": "warm"},
        {"metrics": {"acc": 0.5}},
        {"done": True},
        {"tags": ["a"]},
        {"huge": 10**30},
        {"text": ": NaN"},
    ],
)
@pytest.mark.parametrize("lost", [None, float("nan"), float("inf"), -float("inf")])
def test_json_lines_read_at_once_are_those_read_one_by_one(tmp_path, monkeypatch, extra, lost):
    rows = [row | extra for row in ROWS[:-1]] + [ROWS[-1] | ({} if lost is None else {"valid_loss": lost})]
    text = "\n".join(map(json.dumps, rows)) + '\n{"epoch": 21, "trai'
    at_once = only(write(tmp_path, "log.jsonl", text))
    monkeypatch.setattr(documents, "_flat_lines", lambda text: None)
    one_by_one = only(write(tmp_path, "log.jsonl", text))
    assert at_once.notes == one_by_one.notes
    columns, others = at_once.observations.history.columns, one_by_one.observations.history.columns
    assert [*columns] == [*others]
    for name, values in columns.items():
        np.testing.assert_array_equal(values, others[name])
