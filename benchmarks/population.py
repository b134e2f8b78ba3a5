"""How fast many recipes train as one network: `python benchmarks/population.py [small|middle|...]`.

Times are of the training loops alone, in one process, one thread; medians and ranges of several runs.

small    64 recipes of 2-10-2 on 600 rows, batches of 32, Adam, beside one alone and a hand-written loop
middle   recipes of 50-256-256-10 on 20,000 rows, batches of 256, by the number of members
widths   the width at which training together is no longer faster than one by one
sizes    what the number of members costs, by width: where `CACHE` of batching.py comes from
setup    all of `goodfit.train_population` beside all of `goodfit.train`, with seeds or rates that differ
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

import goodfit
from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.training.loop import train as train_alone
from goodfit.training.population import batching
from goodfit.training.population.population_loop import train_members
from goodfit.workflow.choices import completed
from goodfit.workflow.job import make_job
from goodfit.workflow.tables import TableOptions, divided, read_table

RUNS = 5


def data(rows: int, columns: int, classes: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(rows, columns)).astype(np.float32)
    scores = inputs @ rng.normal(size=(columns, classes)) + 0.5 * rng.normal(size=(rows, classes))
    return inputs, scores.argmax(1)


def jobs_of(recipes: Sequence[Recipe], given: Any, shared: bool = True) -> list[Any]:
    known = read_table(given, None, options=TableOptions("classification"))
    made: dict[Any, Any] = {}
    found: list[Any] = []
    for recipe in recipes:
        parts = made.setdefault(recipe.seed, None) or divided(known, recipe)
        made[recipe.seed] = parts
        found.append(make_job(parts, completed(recipe, parts, {}, None), None, {}, tried=bool(found)))
    return found


def together(recipes: Sequence[Recipe], given: Any) -> tuple[float, int]:
    """Return the seconds that all take as one, and the updates of each."""
    made = jobs_of(recipes, given)
    population = batching.make_population([job for job, _ in made], [state for _, state in made])
    assert population is not None
    begun = time.perf_counter()
    train_members(population, Attention())
    return time.perf_counter() - begun, population.step


def alone(recipe: Recipe, given: Any) -> tuple[float, int]:
    """Return the seconds of one recipe, and its updates."""
    ((job, state),) = jobs_of([recipe], given)
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


def measured(run: Callable[[], tuple[float, int]], runs: int = RUNS) -> tuple[float, str]:
    """Return the median of microseconds an update, and it with its range."""
    found = []
    for _ in range(runs):
        seconds, steps = run()
        found.append(seconds / steps * 1e6)
    middle = statistics.median(found)
    return middle, f"{middle:8.0f} ({min(found):.0f} to {max(found):.0f})"


def small() -> None:
    given = data(750, 2, 2)  # 600 rows beside those held out
    fractions = {"test_fraction": 0.0, "valid_fraction": 0.2}
    base = Recipe(hidden=(10,), batch_size=32, epochs=50, patience=None, learning_rate=0.01, **fractions)
    seeds = [base.replace(seed=seed) for seed in range(64)]
    rates = [base.replace(learning_rate=0.001 * (1 + place)) for place in range(64)]
    one, shown = measured(lambda: alone(base, given))
    print(f"one recipe, goodfit             {shown} us an update")
    hand, shown = measured(lambda: by_hand(base, given))
    print(f"one recipe, hand-written loop   {shown}")
    for name, recipes in (("64 seeds", seeds), ("64 rates", rates)):
        many, shown = measured(lambda recipes=recipes: together(recipes, given))
        print(
            f"{name} as one                {shown}   {many / one:.2f} x one, {many / hand:.2f} x the hand "
            f"loop; throughput {64 * one / many:.1f} x one by one, {64 * hand / many:.1f} x the hand loop"
        )


def middle() -> None:
    given = data(20_000, 50, 10)
    base = Recipe(hidden=(256, 256), batch_size=256, epochs=2, patience=None, learning_rate=1e-3)
    one, shown = measured(lambda: alone(base, given))
    print(f"one recipe   {shown} us an update")
    for members in (2, 4, 8, 16):
        recipes = [base.replace(learning_rate=1e-3 / (1 + place)) for place in range(members)]
        many, shown = measured(lambda recipes=recipes: together(recipes, given), 3)
        print(f"{members:2} members   {shown}   {many / members / one:.2f} x one by one, a recipe")
    print("group size chosen:", batching.group_size(jobs_of([base], given)[0][0].model, 256))


def widths() -> None:
    for batch in (32, 256):
        given = data(40 * batch, 20, 4)
        for width in (8, 16, 32, 64, 128, 256):
            base = Recipe(hidden=(width, width), batch_size=batch, epochs=5, patience=None)
            size = min(64, batching.group_size(jobs_of([base], given)[0][0].model, batch))
            recipes = [base.replace(learning_rate=1e-3 / (1 + place)) for place in range(max(2, size))]
            one, _ = measured(lambda base=base, given=given: alone(base, given), 3)
            many, _ = measured(lambda recipes=recipes, given=given: together(recipes, given), 3)
            gain = one * len(recipes) / many
            print(f"batch {batch:3}  width {width:3}  {len(recipes):2} members: {gain:6.2f} x one by one")


def sizes() -> None:
    for width, batch in ((16, 32), (64, 32), (128, 64), (256, 256)):
        given = data(20 * batch, 20, 4)
        base = Recipe(hidden=(width, width), batch_size=batch, epochs=5, patience=None)
        model = jobs_of([base], given)[0][0].model
        one, _ = measured(lambda base=base, given=given: alone(base, given), 3)
        shown = []
        for members in (2, 4, 8, 16, 32, 64, 128):
            recipes = [base.replace(learning_rate=1e-3 / (1 + place)) for place in range(members)]
            many, _ = measured(lambda recipes=recipes, given=given: together(recipes, given), 3)
            shown.append(f"{members}: {one * members / many:.2f}")
        chosen = batching.group_size(model, batch)
        print(f"width {width:3} batch {batch:3} (chosen {chosen}): gain by members  " + "  ".join(shown))


def setup() -> None:
    given = data(600, 2, 2)
    base = Recipe(hidden=(10,), batch_size=32, epochs=100, patience=None, learning_rate=0.01)
    seeds = [base.replace(seed=seed) for seed in range(64)]
    rates = [base.replace(learning_rate=0.001 * (1 + place)) for place in range(64)]

    def timed(call: Callable[[], Any]) -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    options: dict[str, Any] = {"task": "classification"}
    timed(lambda: goodfit.train(given, recipe=base, **options))
    one = statistics.median(timed(lambda: goodfit.train(given, recipe=base, **options)) for _ in range(RUNS))
    print(f"goodfit.train, one recipe: {one:.3f} s")
    for name, recipes in (("seeds", seeds), ("rates", rates)):
        call = partial(goodfit.train_population, recipes, given, **options)
        many = statistics.median(timed(call) for _ in range(RUNS))
        gain = f"{many / one:.2f} x one, {64 * one / many:.1f} x the throughput"
        print(f"goodfit.train_population, 64 {name}: {many:.3f} s, {gain}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or ["small", "middle", "widths", "sizes", "setup"]
    for part in wanted:
        print(f"\n{part}")
        {"small": small, "middle": middle, "widths": widths, "sizes": sizes, "setup": setup}[part]()
