"""goodfit diagnose, as it is called."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goodfit.cli.main import app
from goodfit.errors import InputError
from spine_for_tests import classes_run

FIXTURES = Path(__file__).parents[1] / "diagnosis" / "readers" / "fixtures"
OVERFITTED = [(epoch, 0.9**epoch, 0.5 + 0.02 * epoch) for epoch in range(1, 41)]


def csv(path, rows=OVERFITTED):
    lines = ["epoch,train_loss,valid_loss", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def call(*arguments):
    return CliRunner().invoke(app, ["diagnose", *map(str, arguments)])


def printed(*arguments):
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments):
    error = call(*arguments).exception
    assert isinstance(error, InputError)
    return str(error)


def test_a_log_of_few_epochs_is_said_once_to_be_too_short(tmp_path):
    log = csv(tmp_path / "run.csv", OVERFITTED[:2])
    for options in ((), ("--quiet",)):
        said = printed(log, *options)
        assert said.count("2 validation losses are too few") == 1
        assert "nothing to report" not in said


def test_json_of_one_training_holds_findings(tmp_path):
    content = json.loads(printed(csv(tmp_path / "run.csv"), "--format", "json"))
    assert [*content] == ["findings"]
    first = content["findings"][0]
    assert (first["code"], first["severity"]) == ("overfitting", "warning")
    assert {"confidence", "epoch", "title", "explanation", "evidence", "causes", "symptoms", "remedies"} <= {
        *first
    }


def test_json_of_several_trainings_holds_runs(tmp_path):
    content = json.loads(
        printed(csv(tmp_path / "a.csv"), csv(tmp_path / "b.csv", OVERFITTED[:5]), "--format", "json")
    )
    assert [run["name"] for run in content["runs"]] == ["a", "b"]
    assert content["runs"][0]["findings"][0]["code"] == "overfitting"


def test_text_tells_the_finding_and_what_cannot_be_told(tmp_path):
    text = printed(csv(tmp_path / "run.csv"))
    assert "The network overfits" in text
    assert "classes" in text
    assert "classes" not in printed(tmp_path / "run.csv", "--quiet")
    assert "La red sobreajusta" in printed(tmp_path / "run.csv", "--language", "es")


def test_a_run_of_ours_is_diagnosed_from_its_folder(tmp_path):
    run = classes_run()
    run.save(tmp_path / "run")
    found = json.loads(printed(tmp_path / "run", "--format", "json"))["findings"]
    assert [finding["code"] for finding in found] == [finding.code for finding in run.findings]


@pytest.mark.parametrize(("severity", "status"), [("error", 0), ("warning", 1), ("info", 1)])
def test_fail_on(tmp_path, severity, status):
    assert call(csv(tmp_path / "run.csv"), "--fail-on", severity).exit_code == status


def test_pages(tmp_path):
    page = printed(csv(tmp_path / "run.csv"), "--format", "html")
    assert page.startswith("<!doctype html>") or page.lower().startswith("<!doctype html>")
    assert "The network overfits" in page
    printed(FIXTURES / "mlflow", "--format", "html", "--output", tmp_path / "one.html")
    assert (tmp_path / "one.html").read_text().rstrip().endswith("</html>")
    printed(FIXTURES / "tensorboard", "--format", "html", "--output", tmp_path / "pages")
    assert len([*(tmp_path / "pages").iterdir()]) == 2
    assert "--output" in refused(FIXTURES / "tensorboard", "--format", "html")
    assert "one.html" in refused(
        FIXTURES / "tensorboard", "--format", "html", "--output", tmp_path / "one.html"
    )


def test_what_the_log_lacks_can_be_said(tmp_path):
    rows = [(epoch, 0.71, 0.70) for epoch in range(1, 21)]
    found = json.loads(printed(csv(tmp_path / "run.csv", rows), "--classes", "2", "--format", "json"))
    assert found["findings"][0]["code"] == "not-learning"
    assert found["findings"][0]["severity"] == "error"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("nowhere.csv",), "nowhere.csv"),
        (("RUN", "--format", "yaml"), "yaml"),
        (("RUN", "--fail-on", "never"), "never"),
        (("RUN", "--train-loss", "train_los"), "train_loss"),
        (("RUN", "--classes", "1"), "classes"),
        (("RUN", "--follow", "--format", "html"), "--follow"),
    ],
)
def test_wrong_calls_are_refused_in_a_sentence(tmp_path, arguments, word):
    run = csv(tmp_path / "run.csv")
    assert word in refused(*(run if argument == "RUN" else argument for argument in arguments))


def test_follow_speaks_when_the_log_grows(tmp_path):
    log = tmp_path / "run.csv"

    def grow():
        time.sleep(0.3)
        csv(log, OVERFITTED[:3])
        time.sleep(0.8)
        csv(log)

    thread = threading.Thread(target=grow)
    thread.start()
    result = call(log, "--follow", "--idle", "1.6", "--format", "json", "--fail-on", "warning")
    thread.join()
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert lines[-1]["findings"][0]["code"] == "overfitting"
    assert "There is no log" in result.output
    assert result.exit_code == 1


def test_a_wrong_path_ends_the_program_with_2_and_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "goodfit", "diagnose", "nowhere.csv"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_log_is_diagnosed_without_importing_torch(tmp_path):
    log = csv(tmp_path / "run.csv")
    code = (
        "import sys; from goodfit.cli.main import app;"
        f"app(['diagnose', {str(log)!r}], standalone_mode=False); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
