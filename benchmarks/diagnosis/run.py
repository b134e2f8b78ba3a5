"""Make the runs, fit the judgement, score it: the whole benchmark by one command (some 40 minutes).

python benchmarks/diagnosis/run.py RUNS_FOLDER [--data TABLES_FOLDER] [--peers PYTHON_WITH_PEERS]
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
    steps = [["make_runs.py", *(["--data", options.data] if options.data else [])]]
    steps += [] if options.no_fit else [["fit.py"]]
    steps += [["score.py", *(["--peers", options.peers] if options.peers else [])]]
    for script, *arguments in steps:
        subprocess.run([sys.executable, str(HERE / script), options.folder, *arguments], check=True)


if __name__ == "__main__":
    main()
