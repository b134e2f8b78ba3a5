"""Who is measured on the speed jobs, what goodfit aims at beside them, and the tables of what came out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results import spread, table
from speed_jobs.jobs import Job

Measured = Mapping[str, Sequence[Mapping[str, Any]]]
"""By peer: what each of its processes measured, in the order of the rounds."""


@dataclass(frozen=True)
class Peer:
    """Who does the jobs: a file of speed_jobs/, a variant of it, and whether it lives with the others."""

    title: str
    file: str
    variant: str = ""
    other: bool = False
    jobs: tuple[str, ...] = ("small", "middle", "image")

    @property
    def name(self) -> str:
        """What the command line calls it."""
        return f"{self.file}-{self.variant}" if self.variant else self.file


PEERS = (
    Peer("DataLoader loop", "dataloader_loop"),
    Peer("lean loop, rows picked for each batch", "lean_loop"),
    Peer("lean loop, rows put in order once an epoch", "lean_loop", "order"),
    Peer("**goodfit**", "goodfit_train"),
    Peer("**goodfit with vitals**", "goodfit_train", "vitals"),
    Peer("scikit-learn MLPClassifier", "sklearn_mlp", jobs=("small", "middle")),
    Peer("skorch", "skorch_net", other=True),
    Peer("Lightning", "lightning_fit", other=True),
    Peer("Keras on JAX", "keras_jax", other=True),
    Peer("Keras on JAX, 16 steps a call", "keras_jax", "many", other=True),
    Peer("bound: a compiled JAX scan", "jax_scan", other=True, jobs=("small", "middle")),
    Peer("bound: the matrix products alone", "matrix_products", jobs=("small", "middle")),
)

GOODFIT, VITALS = ("goodfit_train",), ("goodfit_train-vitals",)
LEAN, KERAS = ("lean_loop", "lean_loop-order"), ("keras_jax", "keras_jax-many")


@dataclass(frozen=True)
class Aim:
    """A ratio of two peers' times that is aimed at; of several peers the fastest counts."""

    job: str
    text: str
    over: tuple[str, ...]
    under: tuple[str, ...]
    most: float | None = None
    least: float | None = None
    what: str = "seconds"


AIMS = (
    Aim("small", "time / the leanest loop's", GOODFIT, LEAN, most=1.10),
    Aim("small", "time with vitals / the leanest loop's", VITALS, LEAN, most=1.20),
    Aim("small", "DataLoader loop's time / goodfit's", ("dataloader_loop",), GOODFIT, least=3),
    Aim("small", "skorch's time / goodfit's", ("skorch_net",), GOODFIT, least=5),
    Aim("small", "Lightning's time / goodfit's", ("lightning_fit",), GOODFIT, least=5),
    Aim("small", "scikit-learn's time / goodfit's", ("sklearn_mlp",), GOODFIT, least=1),
    Aim("small", "Keras on JAX's time / goodfit's", KERAS, GOODFIT, least=1),
    Aim("small", "time with vitals / without", VITALS, GOODFIT, most=1.10),
    Aim("small", "memory / the leanest loop's", GOODFIT, LEAN, most=1.10, what="memory"),
    Aim("middle", "time / the leanest loop's", GOODFIT, LEAN, most=1),
    Aim("middle", "DataLoader loop's time / goodfit's", ("dataloader_loop",), GOODFIT, least=2),
    Aim("middle", "Keras on JAX's time / goodfit's", KERAS, GOODFIT, least=1),
    Aim("middle", "memory / the leanest loop's", GOODFIT, LEAN, most=1.10, what="memory"),
    Aim("middle", "time with vitals / without", VITALS, GOODFIT, most=1.03),
    Aim("image", "time / the leanest loop's", GOODFIT, LEAN, most=1),
    Aim("image", "Keras on JAX's time / goodfit's", KERAS, GOODFIT, least=1),
    Aim("image", "memory / the leanest loop's", GOODFIT, LEAN, most=1.10, what="memory"),
)


def results_table(job: Job, peers: Sequence[Peer], measured: Measured) -> str:
    """Return a row for each peer: its speed, how long it takes beside goodfit, its memory, its version."""
    unit = "µs a step" if job.name == "small" else "rows a second"
    rows = []
    for peer in peers:
        runs = measured[peer.name]
        seconds = [run["seconds"] / run["epochs"] for run in runs]
        speeds = [value / job.steps * 1e6 if job.name == "small" else job.rows / value for value in seconds]
        beside = ratios(measured, (peer.name,), GOODFIT)
        memory = spread([run["memory"] / 1e6 for run in runs]) if "memory" in runs[0] else ""
        threads = str(runs[0].get("threads", ""))
        rows.append(
            [
                peer.title,
                spread(speeds),
                spread(beside) if beside else "",
                memory,
                threads,
                runs[0]["version"],
            ]
        )
    return table(("", unit, "time / goodfit's", "memory, MB", "threads", "version"), rows)


def aims_table(job: Job, measured: Measured) -> str | None:
    """Return a row for each aim whose peers were measured: the ratio found, the aim, met or MISSED."""
    rows = []
    for aim in AIMS:
        found = ratios(measured, aim.over, aim.under, aim.what) if aim.job == job.name else []
        if found:
            rows.append([aim.text, *judged(found, most=aim.most, least=aim.least)])
    return table(("aim", "found", "aimed at", ""), rows) if rows else None


def judged(values: Sequence[float], *, most: float | None = None, least: float | None = None) -> list[str]:
    """Return what was found, the limit, and whether the median keeps it."""
    middle = statistics.median(values)
    if most is not None:
        return [spread(values), f"at most {most:g}", "met" if middle <= most else "**MISSED**"]
    return [spread(values), f"at least {least:g}", "met" if middle >= (least or 0) else "**MISSED**"]


def notes(measured: Measured) -> str | None:
    """Say what goodfit does outside the epochs, and the share of the matrix products' speed it reaches."""
    said = []
    own = measured.get(GOODFIT[0], ())
    if own:
        outside = [run["whole"] - run["seconds"] * (1 + 1 / run["epochs"]) for run in own]
        said.append(
            f"Before the first and after the last epoch (checks, diagnosis, evaluation) goodfit takes "
            f"{spread(outside)} s."
        )
    shares = ratios(measured, ("matrix_products",), GOODFIT)
    if shares:
        said.append(f"Share of the matrix products' speed that goodfit reaches: {spread(shares)}.")
    return " ".join(said) or None


def ratios(
    measured: Measured, over: Sequence[str], under: Sequence[str], what: str = "seconds"
) -> list[float]:
    """Return the ratio of two peers' times (or memory) round by round; empty where one was not measured."""

    def least(names: Sequence[str]) -> list[float]:
        each = [[float(run[what]) for run in measured[name]] for name in names if name in measured]
        return [min(values) for values in zip(*each, strict=True)]

    return [above / below for above, below in zip(least(over), least(under), strict=False)]
