"""What other tools say of the same curves. Run by the Python of an environment where they are installed.

    PEERS_PYTHON peers.py CURVES_FOLDER OUTPUT.json

The folder holds a CSV a run: step, train_loss, eval_loss and, where logged, learning_rate.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def trainspotter(file: Path) -> list[list[str]]:
    from trainspotter.detectors import run_all
    from trainspotter.readers import load_run

    return [[finding.detector, str(finding.severity)] for finding in run_all(load_run(str(file)))]


def losslint(file: Path) -> list[list[str]]:
    from losslint.checks import run_all_checks
    from losslint.parsing import load_run

    return [[finding.check, finding.severity] for finding in run_all_checks(load_run(file))]


def training_doctor(file: Path) -> list[list[str]]:
    from training_doctor import Doctor

    doctor = Doctor()
    doctor.load(str(file))
    found = {(d.detector_name or d.problem, d.severity.value) for d in doctor.analyze()}
    return sorted(map(list, found))


TOOLS = {"trainspotter": trainspotter, "losslint": losslint, "training-doctor": training_doctor}


def main() -> None:
    folder, output = Path(sys.argv[1]), Path(sys.argv[2])
    said: dict[str, dict[str, list[list[str]]]] = {}
    for file in sorted(folder.glob("*.csv")):
        said[file.stem] = {}
        for tool, ask in TOOLS.items():
            try:
                said[file.stem][tool] = ask(file)
            except Exception as error:  # a tool that fails has said nothing; the table counts it
                said[file.stem][tool] = [["failed", type(error).__name__ + ": " + str(error)[:80]]]
    output.write_text(json.dumps(said))


if __name__ == "__main__":
    main()
