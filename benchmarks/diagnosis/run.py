"""The whole benchmark by one command (some 70 minutes on two cores).

    python benchmarks/diagnosis/run.py RUNS_FOLDER [--data TABLES_FOLDER] [--peers PYTHON_WITH_PEERS]

Makes the runs, fits the judgement and scores it (RESULTS.md), plants the faults (PLANTED.md), and times the
reading of long logs (READING.md).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--data", help="folder with further tables, one folder each")
    parser.add_argument("--peers", help="Python of an environment with the other tools")
    parser.add_argument("--no-fit", action="store_true", help="score the judgement as it is")
    options = parser.parse_args()
    folder = options.folder
    steps = [["make_runs.py", folder, *(["--data", options.data] if options.data else [])]]
    steps += [] if options.no_fit else [["fit.py", folder]]
    steps += [["score.py", folder, *(["--peers", options.peers] if options.peers else [])]]
    steps += [["planted.py"], ["reading.py", "--write"]]
    for script, *arguments in steps:
        subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)


if __name__ == "__main__":
    main()
