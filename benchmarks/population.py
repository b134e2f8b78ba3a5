"""How fast many recipes train as one network, one thread, n = 7.

    python benchmarks/population.py --write
    python benchmarks/population.py small --peers-env /tmp/peers     # beside skorch, too

Times are of the training loops alone (but for setup), in one process; skorch's in one of its own.

small    64 recipes of 2-10-2 on 600 rows, batches of 32, Adam, beside one alone, a hand-written loop, skorch
middle   recipes of 50-256-256-10 on 20,000 rows, batches of 256, by the number of members
widths   the width at which training together is no longer faster than one by one; without vitals
sizes    what the number of members costs, by width, without vitals: whence the rules of group_sizes.py
tabm     the same of tabm
masks    networks of several widths as one, the narrow ones with zeros, beside a group for each width
setup    all of `goodfit.train_population` beside all of `goodfit.train`, with seeds or rates that differ
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import goodfit
from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.training.loop import train as train_alone
from goodfit.training.population import batching
from goodfit.training.population.group_sizes import group_size
from goodfit.training.population.population_loop import train_members
from goodfit.workflow.choices import completed
from goodfit.workflow.job import make_job
from goodfit.workflow.tables import TableOptions, divided, read_table
from results import machine, spread, table, write_section
from speed import make_environment, measure
from speed_jobs.jobs import JOBS, write_arrays
from speed_peers import Peer, judged

RUNS = 7
GAIN = 1.1
"""Throughput from which on training together is called faster than one by one."""
SEEDS, RATES, SKORCH = "64 seeds as one", "64 rates as one", "one recipe, skorch"


def data(rows: int, columns: int, classes: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(rows, columns)).astype(np.float32)
    scores = inputs @ rng.normal(size=(columns, classes)) + 0.5 * rng.normal(size=(rows, classes))
    return inputs, scores.argmax(1)


def jobs_of(recipes: Sequence[Recipe], given: Any, vitals: bool = True) -> list[Any]:
    known = read_table(given, None, options=TableOptions("classification"))
    made: dict[Any, Any] = {}
    found: list[Any] = []
    for recipe in recipes:
        parts = made.setdefault(recipe.seed, None) or divided(known, recipe)
        made[recipe.seed] = parts
        job, state = make_job(parts, completed(recipe, parts, {}, None), None, {}, tried=bool(found))
        found.append((replace(job, vitals=vitals), state))
    return found


def together(recipes: Sequence[Recipe], given: Any, vitals: bool = True) -> tuple[float, int]:
    """Return the seconds that all take as one, and the updates of each."""
    made = jobs_of(recipes, given, vitals)
    population = batching.make_population([job for job, _ in made], [state for _, state in made])
    assert population is not None
    begun = time.perf_counter()
    train_members(population, Attention())
    return time.perf_counter() - begun, population.step


def alone(recipe: Recipe, given: Any, vitals: bool = True) -> tuple[float, int]:
    """Return the seconds of one recipe, and its updates."""
    ((job, state),) = jobs_of([recipe], given, vitals)
    begun = time.perf_counter()
    train_alone(job, state, Attention(), lambda row: None)
    return time.perf_counter() - begun, state.step


def by_hand(recipe: Recipe, given: Any) -> tuple[float, int]:
    """Return the seconds of the leanest eager loop on resident tensors, validation each epoch."""
    ((job, _),) = jobs_of([recipe], given)
    (inputs, target), (others, labels) = ((b.inputs, b.target) for b in (job.train, job.valid))
    model = nn.Sequential(*job.model.children())
    optimizer = torch.optim.Adam(model.parameters(), recipe.learning_rate)
    loss, steps = nn.functional.cross_entropy, 0
    begun = time.perf_counter()
    for _ in range(recipe.epochs):
        order = torch.randperm(len(inputs))
        for rows in order.split(int(recipe.batch_size or 32)):
            optimizer.zero_grad()
            loss(model(inputs[rows]), target[rows]).backward()
            optimizer.step()
            steps += 1
        with torch.no_grad():
            float(loss(model(others), labels))
    return time.perf_counter() - begun, steps


def measured(run: Callable[[], tuple[float, int]], runs: int = RUNS) -> list[float]:
    """Return the microseconds of an update in each of several runs."""
    found = []
    for _ in range(runs):
        seconds, steps = run()
        found.append(seconds / steps * 1e6)
    return found


def ratio(above: Sequence[float], below: Sequence[float], factor: float = 1.0) -> str:
    return f"{factor * statistics.median(above) / statistics.median(below):.2f}"


def with_rates(base: Recipe, members: int) -> list[Recipe]:
    return [base.replace(learning_rate=base.learning_rate / (1 + place / 4)) for place in range(members)]


def small(others: Path | None = None) -> str:
    given = data(750, 2, 2)  # 600 rows beside those held out
    fractions = {"test_fraction": 0.0, "valid_fraction": 0.2}
    base = Recipe(hidden=(10,), batch_size=32, epochs=50, patience=None, learning_rate=0.01, **fractions)
    seeds = [base.replace(seed=seed) for seed in range(64)]
    ways: dict[str, Callable[[], tuple[float, int]]] = {
        "one recipe, goodfit's loop": partial(alone, base, given),
        "one recipe, a hand-written eager loop": partial(by_hand, base, given),
        SEEDS: partial(together, seeds, given),
        RATES: partial(together, with_rates(base, 64), given),
    }
    with tempfile.TemporaryDirectory() as folder:
        if others is not None:
            write_arrays(JOBS["small"], Path(folder), None)
            ways[SKORCH] = partial(by_skorch, Path(folder), others)
        found: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(RUNS + 1):
            for name, way in ways.items():
                microseconds = measured(way, 1)
                if number:  # the first round warms up
                    found[name] += microseconds
    one = found["one recipe, goodfit's loop"]
    rows = [[name, spread(values), ratio(values, one)] for name, values in found.items()]
    aims = []
    for what, many in (("seeds", found[SEEDS]), ("rates", found[RATES])):
        gains = [64 * lone / whole for lone, whole in zip(one, many, strict=True)]
        aims.append([f"64 {what}' time / one's", *judged([64 / gain for gain in gains], most=3)])
        aims.append([f"throughput of {what} / goodfit's one by one", *judged(gains, least=20)])
        if others is not None:
            loops = [64 * loop / whole for loop, whole in zip(found[SKORCH], many, strict=True)]
            aims.append([f"throughput of {what} / skorch's in a loop", *judged(loops, least=100)])
    head = ["2-10-2, 600 rows, batch 32, Adam", "us an update", "x one goodfit"]
    return f"{table(head, rows)}\n\n{table(('aim', 'found', 'aimed at', ''), aims)}"


def by_skorch(folder: Path, python: Path) -> tuple[float, int]:
    """Return the seconds of one recipe by skorch in a process of its own, and its updates."""
    job = JOBS["small"]
    run = measure(Peer("skorch", "skorch_net", other=True), job, folder, python)
    return run["seconds"], run["epochs"] * job.steps


def middle() -> str:
    given = data(20_000, 50, 10)
    base = Recipe(hidden=(256, 256), batch_size=256, epochs=2, patience=None, learning_rate=1e-3)
    chosen = group_size(jobs_of([base], given)[0][0].model, 256)
    rows, shares = [], []
    for members in (1, 2, 4, 8):
        one, many = [], []
        for _ in range(RUNS):
            one += measured(partial(alone, base, given), 1)
            many += measured(partial(together, with_rates(base, members), given), 1)
        shares = [many / lone / members for lone, many in zip(one, many, strict=True)]
        rows.append([str(members), spread(many), spread(shares)])
    head = ["50-256-256-10, batch 256: members", "us an update of all", "time a recipe / one by one"]
    way = "one by one, so no slower" if chosen < 2 else f"{chosen} at a time"
    return f"{table(head, rows)}\n\nBy its rule of sizes goodfit trains these {way}."


def widths() -> str:
    rows, ends = [], []
    for batch in (32, 256):
        given = data(40 * batch, 20, 4)
        last = 0
        for width in (8, 16, 32, 64, 128, 256):
            base = Recipe(hidden=(width, width), batch_size=batch, epochs=5, patience=None)
            size = min(64, group_size(jobs_of([base], given)[0][0].model, batch))
            recipes = with_rates(base, max(2, size))
            one, many = [], []
            for _ in range(RUNS):
                one += measured(partial(alone, base, given, False), 1)
                many += measured(partial(together, recipes, given, False), 1)
            gains = [len(recipes) * lone / whole for lone, whole in zip(one, many, strict=True)]
            last = width if statistics.median(gains) > GAIN and last in (0, width // 2) else last
            rows.append([f"batch {batch}, width {width}", str(size), spread(gains)])
        ends.append(f"{last} with batches of {batch}")
    head = ["20-width-width-4", "members chosen", "throughput x one by one (of at least 2)"]
    even = (
        f"The widest network that gains at least {GAIN - 1:.0%}, with all narrower ones: {', '.join(ends)}."
    )
    return f"{table(head, rows)}\n\n{even}"


def sizes() -> str:
    rows = []
    members = (2, 4, 8, 16, 32, 64)
    for width, batch in ((16, 32), (64, 32), (128, 64), (256, 256)):
        given = data(20 * batch, 20, 4)
        base = Recipe(hidden=(width, width), batch_size=batch, epochs=5, patience=None)
        one = measured(partial(alone, base, given, False), 3)
        gains = [
            ratio(one, measured(partial(together, with_rates(base, count), given, False), 3), count)
            for count in members
        ]
        chosen = group_size(jobs_of([base], given)[0][0].model, batch)
        rows.append([f"batch {batch}, width {width}", str(chosen), *gains])
    head = ["throughput x one by one", "chosen", *[f"{count} members" for count in members]]
    return table(head, rows)


def tabm() -> str:
    rows = []
    for width, members, batch in (
        (8, 4, 64),
        (16, 4, 64),
        (32, 4, 64),
        (64, 4, 64),
        (128, 4, 64),
        (128, 4, 256),
    ):
        given = data(20 * batch, 8, 4)
        base = Recipe(model="tabm", hidden=(width, width), members=members, batch_size=batch, epochs=3,
                      patience=None, dropout=0.1, optimizer="adamw")  # fmt: skip
        gains = []
        for count in (2, 4, 8):
            pairs = [
                (measured(partial(alone, base, given, False), 1)[0],
                 measured(partial(together, with_rates(base, count), given, False), 1)[0])
                for _ in range(5)
            ]  # fmt: skip
            gains.append(spread([count * one / whole for one, whole in pairs]))
        chosen = group_size(jobs_of([base], given)[0][0].model, batch)
        rows.append([f"batch {batch}, width {width}, {members} predictions", str(chosen), *gains])
    head = ["tabm, 8 columns: throughput x one by one", "chosen", *[f"{n} networks" for n in (2, 4, 8)]]
    return table(head, rows)


def masks() -> str:
    rows = []
    for batch in (32, 128):
        given = data(20 * batch, 20, 4)
        plain = ((8, 16), (16, 32), (32, 64), (64, 128), (16, 32, 64, 128))
        cases: list[Any] = [(widths, each, {}) for widths in plain for each in (1, 2, 4, 8)]
        others = ({"dropout": 0.3}, {"normalization": "batch"}, {"normalization": "layer"})
        cases += [(widths, 4, other) for other in others for widths in ((16, 32), (32, 64))]
        for widths, each, other in cases:
            base = Recipe(batch_size=batch, epochs=5, patience=None, **other)
            sets = [with_rates(base.replace(hidden=(width, width)), each) for width in widths]
            apart, whole = [], []
            for _ in range(5):
                apart.append(sum(measured(partial(group, recipes, given), 1)[0] for recipes in sets))
                whole += measured(partial(group, [one for recipes in sets for one in recipes], given), 1)
            jobs = [job for recipes in sets for job, _ in jobs_of(recipes, given, False)]
            gains = [first / second for first, second in zip(apart, whole, strict=True)]
            shape = f"batch {batch}, {each} each of {', '.join(map(str, widths))}"
            with_ = "".join(f", {name} {value}" for name, value in other.items())
            rows.append([shape + with_, spread(gains), str(len(batching.groups_of(jobs)))])
    head = ["20-width-width-4", "as one: x as fast as a group for each width", "groups by the rule"]
    return table(head, rows)


def group(recipes: Sequence[Recipe], given: Any) -> tuple[float, int]:
    return together(recipes, given, False) if len(recipes) > 1 else alone(recipes[0], given, False)


def setup() -> str:
    given = data(600, 2, 2)
    base = Recipe(hidden=(10,), batch_size=32, epochs=100, patience=None, learning_rate=0.01)

    def timed(call: Callable[[], Any]) -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    options: dict[str, Any] = {"task": "classification"}
    lone = partial(goodfit.train, given, recipe=base, **options)
    timed(lone)
    one = [timed(lone) for _ in range(RUNS)]
    rows = [["goodfit.train, one recipe", spread(one), "1", "1"]]
    seeds = [base.replace(seed=seed) for seed in range(64)]
    for name, recipes in (("seeds", seeds), ("rates", with_rates(base, 64))):
        call = partial(goodfit.train_population, recipes, given, **options)
        many = [timed(call) for _ in range(RUNS)]
        rows.append(
            [f"goodfit.train_population, 64 {name}", spread(many), ratio(many, one), ratio(one, many, 64)]
        )
    head = ["the whole call, 100 epochs", "seconds", "x one", "throughput x one by one"]
    return table(head, rows)


PARTS: dict[str, Callable[..., str]] = {
    "small": small,
    "setup": setup,
    "middle": middle,
    "widths": widths,
    "sizes": sizes,
    "tabm": tabm,
    "masks": masks,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--peers-env", type=Path, metavar="DIR", help="environment of the other libraries")
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    about = machine()
    others = None if given.peers_env is None else make_environment(given.peers_env)
    for name in given.parts or PARTS:
        part = small(others) if name == "small" else PARTS[name]()
        text = f"## Populations: {name}\n\n{part}\n\n{about}"
        print(f"\n{text}", flush=True)
        if given.write:
            write_section(f"population: {name}", text)


if __name__ == "__main__":
    main()
