"""How fast goodfit trains, beside hand-written loops and other libraries.

    python benchmarks/speed.py                                   # goodfit, loops by hand, scikit-learn
    python benchmarks/speed.py --peers-env /tmp/peers --write    # skorch, Lightning, Keras and JAX too

Every measurement is a process of its own; the peers take turns (A B C A B C ...), so that what else the
machine does falls on all of them. ``--peers-env DIR`` is a virtual environment for the other libraries, made
and filled if it is not there. Each file of speed_jobs/ is one peer; jobs.py says what they all do.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from command_line import command_line_section
from results import machine, write_section
from speed_jobs.jobs import JOBS, Job, write_arrays
from speed_peers import PEERS, Peer, aims_table, notes, results_table

FOLDER = Path(__file__).parent / "speed_jobs"
OTHERS = ("skorch", "lightning", "keras", "jax", "scikit-learn")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", nargs="+", choices=[*JOBS, "table"], default=[*JOBS, "table"])
    parser.add_argument("--peers", nargs="+", choices=[peer.name for peer in PEERS], metavar="PEER")
    parser.add_argument("--runs", type=int, default=5, help="processes of each peer")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with fashion_mnist/")
    parser.add_argument("--peers-env", type=Path, metavar="DIR", help="environment of the other libraries")
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    given = parser.parse_args()
    about = machine()
    print(about, flush=True)
    others = None if given.peers_env is None else make_environment(given.peers_env)
    for name in given.jobs:
        if name == "table":
            text = command_line_section(given.runs)
        else:
            wanted = [peer for peer in PEERS if not given.peers or peer.name in given.peers]
            text = job_section(JOBS[name], wanted, others, given.runs, given.data)
        print(f"\n{text}", flush=True)
        if given.write:
            write_section(f"speed: {name}", f"{text}\n\n{about}")


def make_environment(folder: Path) -> Path:
    """Return the Python of the other libraries' environment; make and fill it if it is not there."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        torch = importlib.metadata.version("torch").partition("+")[0]
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"torch=={torch}", *OTHERS], check=True)
    return python


def job_section(job: Job, wanted: Sequence[Peer], others: Path | None, runs: int, data: Path | None) -> str:
    """Measure a job and return its part of the results."""
    able = [peer for peer in wanted if job.name in peer.jobs]
    there = [peer for peer in able if not peer.other or others is not None]
    measured: dict[str, list[dict[str, Any]]] = {peer.name: [] for peer in there}
    with tempfile.TemporaryDirectory() as folder:
        origin = write_arrays(job, Path(folder), data)
        for _ in range(runs):
            for peer in there:
                measured[peer.name].append(measure(peer, job, Path(folder), others))
    left_out = ", ".join(peer.title for peer in able if peer not in there)
    parts = [
        f"## Speed, {job.name}: {job.title}",
        f"Rows: {origin}. Adam, cross-entropy; after each epoch loss and accuracy on {job.valid_rows:,} "
        f"validation rows. {runs} processes each, in turn; of each the first epoch is not timed, the next "
        f"{job.epochs} are. OMP_NUM_THREADS={threads_of(job)} for all; goodfit may take fewer by its own "
        "rule. Memory: the peak above what was resident after imports and a first small training.",
        results_table(job, there, measured),
        notes(measured),
        aims_table(job, measured),
        f"Left out, as they are not installed (`--peers-env DIR`): {left_out}." if left_out else None,
    ]
    return "\n\n".join(part for part in parts if part)


def measure(peer: Peer, job: Job, folder: Path, others: Path | None) -> dict[str, Any]:
    """Run a peer once in a process of its own and return what it measured."""
    threads = threads_of(job)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    python = others if peer.other and others is not None else sys.executable
    command = [python, FOLDER / f"{peer.file}.py", job.name, folder, "--variant", peer.variant]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{peer.name} failed at {job.name}:\n{done.stderr}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def threads_of(job: Job) -> int:
    """Return what OMP_NUM_THREADS is for the job."""
    return job.threads or os.cpu_count() or 1


if __name__ == "__main__":
    main()
