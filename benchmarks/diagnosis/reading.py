"""How long `goodfit diagnose` takes for a log of a million steps, beside tools that only read such files.

    python benchmarks/diagnosis/reading.py [--runs 5] [--steps 1000000] [--write]

Every measurement is a process of its own, from its start to its end, imports included; the logs are made in a
temporary folder. With `--write` the table goes to READING.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from goodfit.diagnosis.readers.checksums import checksum, checksums

sys.path.insert(0, str(Path(__file__).parents[1]))
from results import machine, spread, table

HERE = Path(__file__).parent
EVERY = 1000
"""Steps from one validation to the next."""
AIM = 2.0
PEERS = {
    "csv": {
        "polars, reading only": "import sys, polars; polars.read_csv(sys.argv[1])",
        "pandas, reading only": "import sys, pandas; pandas.read_csv(sys.argv[1])",
    },
    "jsonl": {
        "json, reading only": "import sys, json; [json.loads(line) for line in open(sys.argv[1])]",
    },
    "tfevents": {
        "tensorboard, reading only": (
            "import sys; from tensorboard.backend.event_processing.event_accumulator import EventAccumulator;"
            "EventAccumulator(sys.argv[1], size_guidance={'scalars': 0}).Reload()"
        ),
    },
}
NEEDS = {"polars": "polars", "pandas": "pandas", "tensorboard": "tensorboard", "json": "json"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        logs = write_logs(Path(folder), given.steps)
        text = measured(logs, given.runs, given.steps, peers=not given.no_peers)
    print(text)
    if given.write:
        (HERE / "READING.md").write_text(text)


def measured(logs: dict[str, Path], runs: int, steps: int, *, peers: bool) -> str:
    """Return a table of how long each log takes, tools in turn."""
    commands = {}
    for name, path in logs.items():
        commands[name, "goodfit diagnose"] = [sys.executable, "-m", "goodfit", "diagnose", str(path)]
        for peer, code in PEERS[path.suffix[1:]].items() if peers else ():
            if find_spec(NEEDS[peer.partition(",")[0]]):
                commands[name, peer] = [sys.executable, "-c", code, str(path)]
    seconds: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in commands}
    for _ in range(runs):
        for key, command in commands.items():
            seconds[key].append(timed(command))
    rows = []
    for (name, tool), values in seconds.items():
        size = f"{logs[name].stat().st_size / 1e6:.0f} MB"
        whole, computing = zip(*values, strict=True)
        met = "" if tool != "goodfit diagnose" else "yes" if np.median(whole) < AIM else "no"
        aim = f"{AIM:g}" if met else ""
        rows.append([name, size, tool, spread(whole), spread(computing), aim, met])
    head = ("log", "size", "tool", "seconds", "of the processor", "aimed at", "met")
    return "\n\n".join(
        [
            f"# A log of {steps:,} steps, diagnosed",
            machine(),
            f"Written by `reading.py`. {runs} processes each, in turn, from start to end, imports included: "
            "median, and in brackets the least and the most. The other tools only read the file. Where other "
            "work loaded the machine, the seconds of the processor say more than those of the clock.",
            f"{table(head, rows)}\n",
        ]
    )


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Return how long a command takes, by the clock and of the processor."""
    start, before = time.perf_counter(), os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken, after = time.perf_counter() - start, os.times()
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    computing = after.children_user - before.children_user + after.children_system - before.children_system
    return taken, computing


def write_logs(folder: Path, steps: int) -> dict[str, Path]:
    """Write the same training as a log of each kind: the training loss of every step, validations between."""
    random = np.random.default_rng(0)
    step = np.arange(1, steps + 1)
    train = (0.2 + 2 / (1 + step / 2e4) + 0.05 * random.normal(size=steps)).round(5)
    valid = (0.3 + 2 / (1 + step / 2e4) + 0.2 * step / steps + 0.01 * random.normal(size=steps)).round(5)
    measured_at = step % EVERY == 0
    logs = {
        "CSV, a row a step": folder / "steps.csv",
        "CSV, a row an epoch": folder / "epochs.csv",
        "JSON lines": folder / "steps.jsonl",
        "TensorBoard events": folder / "events.out.tfevents.1700000000.tfevents",
    }
    paths = list(logs.values())
    sparse = zip(step, train, valid, measured_at, strict=True)
    rows = [(number, loss, other if there else None) for number, loss, other, there in sparse]
    lines = [f"{number},{loss},{'' if other is None else other}" for number, loss, other in rows]
    paths[0].write_text("\n".join(["step,train_loss,valid_loss", *lines]) + "\n")
    lines = [f"{number},{loss},{other}" for number, loss, other in zip(step, train, valid, strict=True)]
    paths[1].write_text("\n".join(["epoch,train_loss,valid_loss", *lines]) + "\n")
    records = (
        {"step": int(number), "train_loss": float(loss)}
        | ({} if other is None else {"valid_loss": float(other)})
        for number, loss, other in rows
    )
    paths[2].write_text("\n".join(map(json.dumps, records)) + "\n")
    with paths[3].open("wb") as file:
        for width, (low, high) in enumerate(((1, 1 << 7), (1 << 7, 1 << 14), (1 << 14, 1 << 21)), start=1):
            part = step[(step >= low) & (step < high)]
            where = part - 1
            file.write(records_of("train/loss", part, train[where], width))
            kept = where[measured_at[where]]
            file.write(records_of("valid/loss", step[kept], valid[kept], width))
    return logs


def records_of(tag: str, step: NDArray, value: NDArray, width: int) -> bytes:
    """Return TensorBoard's records of a scalar; every step takes ``width`` bytes as a varint."""
    if not len(step):
        return b""
    name = tag.encode()
    inner = b"\x0a" + bytes([len(name)]) + name + b"\x15"
    summary = b"\x0a" + bytes([len(inner) + 4]) + inner
    time_at = np.ascontiguousarray((1.7e9 + step).astype("<f8")).view(np.uint8).reshape(-1, 8)
    varint = np.stack(
        [(step >> (7 * place)) & 0x7F | (0x80 if place < width - 1 else 0) for place in range(width)], axis=1
    )
    number = np.ascontiguousarray(value.astype("<f4")).view(np.uint8).reshape(-1, 4)

    def fixed(octets: bytes) -> NDArray:
        return np.broadcast_to(np.frombuffer(octets, np.uint8), (len(step), len(octets)))

    head = b"\x2a" + bytes([len(summary) + 4]) + summary
    content = np.concatenate([fixed(b"\x09"), time_at, fixed(b"\x10"), varint, fixed(head), number], axis=1)
    content = np.ascontiguousarray(content.astype(np.uint8))
    length = int(content.shape[1]).to_bytes(8, "little")
    start = fixed(length + checksum(length).to_bytes(4, "little"))
    sums = checksums(np.ascontiguousarray(content.T)).astype("<u4").view(np.uint8).reshape(-1, 4)
    return np.concatenate([start, content, sums], axis=1).tobytes()


if __name__ == "__main__":
    main()
