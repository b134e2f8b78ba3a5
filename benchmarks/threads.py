"""From which size on an update is faster on several threads than on one.

    python benchmarks/threads.py

MLPs of two hidden layers on 50 inputs, 10 classes, updated as `goodfit.train` updates them, by turns on one
thread and on all of them; the least of many short times counts, because whatever else the machine does only
adds to a time. ``ONE_THREAD_BELOW`` in src/goodfit/training/threads.py rests on this table.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import torch
from torch import nn

from goodfit.training.direct import known_layers
from goodfit.training.lean_step import lean_step
from goodfit.training.losses import make_loss
from goodfit.training.threads import ONE_THREAD_BELOW
from results import machine, table, write_section

INPUTS, CLASSES = 50, 10
WIDTHS = (16, 32, 64, 128, 256, 512)
BATCHES = (32, 128, 512, 2048)
PIECE = 0.003
"""Seconds that are timed at once."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=150)
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    given = parser.parse_args()
    many = os.cpu_count() or 1
    about = machine()
    rows = []
    for width in WIDTHS:
        for batch in BATCHES:
            operations, update = make_update(width, batch)
            alone, together = least_seconds(update, (1, many), given.repeats)
            rows.append((operations, width, batch, alone, together))
            print(f"{operations:.1e} width {width} batch {batch}: {alone / together:.2f}", flush=True)
    text = section(sorted(rows), many, given.repeats)
    print(f"\n{text}\n\n{about}")
    if given.write:
        write_section("threads", f"{text}\n\n{about}")


def make_update(width: int, batch: int) -> tuple[float, Callable[[], None]]:
    """Return the operations of an update, as the rule counts them, and the update."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(INPUTS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, CLASSES)
    )
    inputs, target = torch.randn(batch, INPUTS), torch.randint(0, CLASSES, (batch,))
    gradients = known_layers(network, make_loss("cross_entropy"))
    assert gradients is not None
    step = lean_step(torch.optim.Adam(network.parameters(), 1e-3, fused=True))

    def update() -> None:
        gradients(inputs, target)
        step()

    return 6.0 * batch * sum(weight.numel() for weight in network.parameters()), update


def least_seconds(update: Callable[[], None], threads: tuple[int, ...], repeats: int) -> list[float]:
    """Return the least time of an update for each number of threads."""
    least = [float("inf")] * len(threads)
    for repeat in range(repeats + 1):
        for place, count in enumerate(threads):
            torch.set_num_threads(count)
            update()
            done, start = 0, time.perf_counter()
            while (taken := time.perf_counter() - start) < PIECE or done == 0:
                update()
                done += 1
            if repeat:  # the first is to warm up
                least[place] = min(least[place], taken / done)
    return least


def section(rows: list[tuple[float, int, int, float, float]], many: int, repeats: int) -> str:
    """Return the table of one thread against many, ordered by operations, and where the rule stands."""
    head = ("operations", "hidden layers", "batch", "1 thread, µs", f"{many} threads, µs", "gain", "the rule")
    lines = []
    lost_by_rule = []
    for operations, width, batch, alone, together in rows:
        chosen = 1 if operations < ONE_THREAD_BELOW else many
        gain = alone / together
        lost_by_rule.append((gain if chosen == 1 else 1 / gain) - 1)
        lines.append(
            [
                f"{operations:.1e}", f"{width}-{width}", f"{batch:,}", f"{alone * 1e6:,.0f}",
                f"{together * 1e6:,.0f}", f"{gain:.2f}", f"{chosen} thread{'s' if chosen > 1 else ''}",
            ]
        )  # fmt: skip
    return "\n\n".join(
        [
            f"## Threads: one against {many}",
            f"An update of an MLP of {INPUTS} inputs and {CLASSES} classes with Adam: the least of {repeats} "
            "times. Gain: time on one thread / on several; several pay off above 1.",
            table(head, lines),
            f"The rule takes one thread below {ONE_THREAD_BELOW:.0e} operations; what it loses most against "
            f"the better choice is {max(0.0, *lost_by_rule):.0%}.",
        ]
    )


if __name__ == "__main__":
    main()
