"""Planted faults and their healthy twins: are they found, named rightly, and is nothing found without one?

Run it with ``python benchmarks/diagnosis/planted.py`` (some twenty minutes on one core); it writes
``PLANTED.md`` and ``planted.json``. ``--part development`` leaves the outcomes of the other parts as they
were, ``--only WORD`` takes the faults with that word in their name and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from planted_by_hand import train_by_hand
from planted_data import SOURCES, load
from planted_faults import FAULTS, Fault, Plan
from planted_healthy import VARIATIONS
from planted_networks import build, networks_for
from planted_report import PARTS, Outcome, report
from torch import nn

import goodfit
from goodfit.diagnosis.diagnose import diagnose
from goodfit.observations import History, Observations

HERE = Path(__file__).parent
STORED = HERE / "planted.json"
SEEDS: dict[str, tuple[int, ...]] = {"development": (0, 1), "held-out": (20, 21), "fresh": (40, 41)}
HARM = 0.2


def plans(part: str) -> list[tuple[str, str, int]]:
    """Return data, network and seed of every sound plan of a part."""
    found = []
    for name, (of, form, _, _) in SOURCES.items():
        if of == part:
            for network in networks_for(part, form):
                found += [(name, network, seed) for seed in SEEDS[part]]
    return found


def sound(name: str, network: str, seed: int) -> Plan:
    """Return a plan as somebody sensible would make it."""
    data = load(name, seed)
    rate = 1e-2 if network == "sigmoid" else 3e-3
    fields: dict[str, Any] = {"learning_rate": rate, "optimizer": "adam", "epochs": 150, "patience": 12}
    fields |= {"batch_size": 32, "seed": seed, "loss": "cross_entropy" if data.kind == "classes" else "mse"}
    return Plan(data, build(data, network, seed), fields)


def run(plan: Plan) -> tuple[Observations, float, float]:
    """Train a plan; return what was observed, the test loss with the plan's own loss, and the seconds."""
    tensors = {
        name: tuple(torch.from_numpy(np.ascontiguousarray(item)) for item in getattr(plan.data, name))
        for name in ("train", "valid", "test")
    }
    fields = dict(plan.fields)
    by_hand, clear = fields.pop("by_hand", False), fields.pop("clear", True)
    began = time.perf_counter()
    loss_of: Any = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if by_hand:
            observations, network = train_by_hand(plan, tensors, clear=clear)
        else:
            done = goodfit.train(tensors["train"], valid=tensors["valid"], model=plan.network, **fields)
            observations, network, loss_of = done.observations, done.model, done.loss
        seconds = time.perf_counter() - began
        network.eval()
        with torch.no_grad():
            inputs, target = tensors["test"]
            outputs = network(inputs)
            if plan.data.kind == "classes" and outputs.ndim == 2:
                loss = nn.functional.cross_entropy(outputs, target.long())
            elif loss_of is None:
                loss = nn.functional.mse_loss(outputs, target)
            else:
                loss = loss_of(outputs, target.to(outputs.dtype))
    return observations, float(loss), seconds


def first_seen(observations: Observations, codes: tuple[str, ...]) -> float | None:
    """Return the first epoch after which the curves and layers so far would have named the fault."""
    history, vitals = observations.history, observations.vitals
    length = len(history)
    for rows in sorted({*range(1, min(length, 10) + 1), *range(10, length + 1, 5), length}):
        last = history["epoch"][rows - 1]
        columns = {name: history[name][:rows] for name in history}
        ended = history.ended_by if rows == length else None
        so_far = replace(observations, history=History(columns, ended_by=ended))
        if vitals is not None:
            kept = vitals.epochs <= last
            values = {name: table[kept] for name, table in vitals.values.items()}
            so_far = replace(so_far, vitals=replace(vitals, epochs=vitals.epochs[kept], values=values))
        if any(finding.code in codes and finding.severity != "info" for finding in diagnose(so_far)):
            return float(last)
    return None


def told(observations: Observations) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in diagnose(observations)]


def plant(fault: Fault, name: str, network: str, seed: int, twin: float) -> Outcome | None:
    rng = np.random.default_rng([seed, len(name), len(fault.name)])
    plan = fault.plant(sound(name, network, seed), rng)
    if plan is None:
        return None
    done, loss, seconds = run(plan)
    codes = told(done)
    harmful = fault.always or not np.isfinite(loss) or loss > (1 + HARM) * twin
    seen = first_seen(done, fault.codes)
    part = SOURCES[name][0]
    return Outcome("fault", fault.name, name, network, seed, part, codes, loss, seconds, seen, harmful)


def healthy(name: str, network: str, seed: int, variation: str) -> Outcome | None:
    plan = VARIATIONS[variation](sound(name, network, seed), np.random.default_rng(seed))
    if plan is None:
        return None
    done, loss, seconds = run(plan)
    part = SOURCES[name][0]
    return Outcome("healthy", variation, name, network, seed, part, told(done), loss, seconds)


def collect(part: str, only: str | None, verbose: bool) -> list[Outcome]:
    outcomes: list[Outcome] = []
    twins: dict[tuple[str, str, int], float] = {}

    def add(outcome: Outcome | None) -> Outcome | None:
        if outcome is not None:
            outcomes.append(outcome)
            right = next((fault.codes for fault in FAULTS if fault.name == outcome.name), ())
            wrong = outcome.kind == "healthy" and any(severity != "info" for _, severity in outcome.codes)
            missed = (
                outcome.kind == "fault"
                and outcome.harmful
                and (not outcome.codes or outcome.codes[0][0] not in right or outcome.codes[0][1] == "info")
            )
            if verbose and (wrong or missed):
                print(
                    outcome.kind,
                    outcome.name,
                    outcome.data,
                    outcome.network,
                    outcome.seed,
                    outcome.codes,
                    f"{outcome.test_loss:.3g}",
                    flush=True,
                )
        return outcome

    for number, place in enumerate(plans(part)):
        for variation in VARIATIONS if only in (None, "healthy") else ("plain",):
            if variation == "plain" or number % len(VARIATIONS) in _picked(variation):
                outcome = add(healthy(*place, variation))
                if variation == "plain" and outcome is not None:
                    twins[place] = outcome.test_loss
        for order, fault in enumerate(FAULTS):
            if only is not None and only not in fault.name:
                continue
            # Each fault in a fifth of the plans; one that few networks can have, in all of these.
            if fault.plant.__name__ not in RARE and (number + order) % 5 and only is None:
                continue
            add(plant(fault, *place, twins[place]))
    return outcomes


RARE = frozenset(
    [
        *(
            "exploding_recurrence",
            "sigmoid_twice",
            "broadcast_loss",
            "norm_in_training_mode",
            "stale_statistics",
        ),
        *("saturating_start", "dead_relu", "one_huge_column", "copied_target", "few_positives"),
    ]
)


def _picked(variation: str) -> set[int]:
    """Return which plans, by their number modulo the number of variations, get a variation: a third."""
    first = list(VARIATIONS).index(variation)
    return {(first + 3 * step) % len(VARIATIONS) for step in range(len(VARIATIONS) // 3)}


HEAD = """Each fault is planted by its mechanism into a training that was sound, on tables, images and
sequences, with several networks and seeds; the same trainings without it, and varied in ways that are
harmless, are the healthy twins. `planted.py` makes all of it; every run is in `planted.json`.

Data, networks and seeds of the development part were looked at while the checks were written. The fresh part
has data, networks and seeds of its own, and was judged once, after the last change of the checks. There is a
held-out part between them, which shares the networks of the first; a run on it with other seeds was seen
before three earlier changes. Where it is not in the tables, it was not run again.

A planted fault counts where it made the test loss more than 20 % worse than its twin's (test sets are
small), or spoils the score itself; the others are given as harmless and are not scored. Detected: a warning
or an error of a right code. Right first: it is the first finding. Epochs: the median of the first epoch after
which curves and layers so far would have named it (data and outputs as at the end). In per cent, 95 %
intervals (Wilson) in brackets; runs of the same data are not independent, so they are wider in truth."""


def store(outcomes: list[Outcome]) -> None:
    """Keep the outcomes, a line each."""
    STORED.write_text("[\n" + ",\n".join(json.dumps(asdict(one)) for one in outcomes) + "\n]\n")


def work(task: tuple[str, str | None, int]) -> list[Outcome]:
    part, only, seeds = task
    torch.set_num_threads(1)
    SEEDS[part] = SEEDS[part][:seeds]
    return collect(part, only, verbose=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--only")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds of each plan, 1 or 2")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    began = time.perf_counter()
    tasks = [(part, asked.only, asked.seeds) for part in PARTS if asked.part in (None, part)]
    with get_context("spawn").Pool(min(asked.workers, len(tasks))) as pool:
        outcomes = [outcome for outcomes in pool.map(work, tasks, chunksize=1) for outcome in outcomes]
    if asked.part is not None and STORED.exists():
        known = [Outcome(**plain) for plain in json.loads(STORED.read_text())]
        outcomes = [outcome for outcome in known if outcome.part != asked.part] + outcomes
    text = report(outcomes, HEAD)
    print(text)
    print(f"{len(outcomes)} runs in {time.perf_counter() - began:.0f} s")
    if asked.only is None:
        (HERE / "PLANTED.md").write_text(text)
        store(outcomes)


if __name__ == "__main__":
    main()
