"""The training loop for many members at once: an epoch of all, then each one's record and end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from goodfit.observations import EndedBy
from goodfit.training.attention import Attention, heeding_interrupts
from goodfit.training.population.batched_metrics import measure_members
from goodfit.training.population.member_ends import Drop, drop_unwanted, note_ends, shrink
from goodfit.training.population.member_records import MemberRecords
from goodfit.training.population.member_vitals import KEPT_WEIGHTS, measure_now, take_snapshot
from goodfit.training.population.population_state import Array, Evaluated, Population
from goodfit.training.randomness import seed_epoch
from goodfit.training.vitals import measured_at

__all__ = ["train_members"]

SHRINKS_AT = 0.8
"""Share of the members that must still train, or else the rest are taken out of the batch."""
EVALUATED = 2**21
"""Elements of inputs, outputs or a layer that are evaluated at once."""


def train_members(population: Population, attention: Attention, drop: Drop | None = None) -> list[EndedBy]:
    """Train every member to its own end and return what ended each; their states are filled.

    After each epoch ``drop`` may end members early; it is told the best value of those that have ended by
    themselves, too.

    A member's best weights are in its state; where no epoch was fit to be kept, the last weights are in its
    model. A member that has ended or diverged does not touch the others by a bit while it is in the batch; it
    is taken out with the next few, and since numbers then lie elsewhere in memory, the last members of the
    batch may from there on be rounded differently in the last bit (exponentials at the ends of vectors).
    """
    jobs, states = population.jobs, population.states
    population.active = list(range(len(jobs)))
    population.best = {name: tensor.clone() for name, tensor in population.weights().items()}
    records = MemberRecords([job.recipe for job in jobs], [state.best for state in states])
    ended: dict[int, EndedBy] = {}
    attention.begin(0.0)
    with torch.no_grad(), heeding_interrupts(attention):
        _look_at_layers(population, population.active, None)
        while len(ended) < len(jobs):
            alive = [member for member in population.active if member not in ended]
            cut, share = train_one_epoch(population, attention, alive)
            row, values = measure_epoch(population, share, attention.seconds())
            alive = [place for place, member in enumerate(population.active) if member not in ended]
            _keep_best(population, records, alive, row, values)
            if cut is None and perf_counter() >= attention.at:
                cut = attention.look(states[0])
            note_ends(population, records, alive, row, cut, ended, attention.seconds())
            if drop is not None and len(ended) < len(jobs):
                drop_unwanted(population, records, drop, ended, attention.seconds())
            left = [place for place, member in enumerate(population.active) if member not in ended]
            if left and len(left) <= SHRINKS_AT * len(population.active):
                shrink(population, left)
    for state, rows in zip(states, records.rows(len(jobs)), strict=True):
        state.rows = rows
    return [ended[member] for member in range(len(jobs))]


def train_one_epoch(
    population: Population, attention: Attention, alive: Sequence[int]
) -> tuple[EndedBy | None, float]:
    """Go once through every member's rows; return what cut the epoch short, and the share that was done.

    Parameters
    ----------
    alive
        Members whose training has not ended: the layers of the others are not looked at any more.
    """
    network, optimizer, loss = population.network, population.optimizer, population.loss
    penalties, average = population.penalties, population.average
    seed_epoch(population.recipes()[0].seed, population.epoch)
    steps = len(population.train.sizes)
    optimizer.plan(population.rates.of(population.step, steps, population.states), population.step)
    totals: list[Tensor] = []
    weights: list[float | Tensor] = []
    number = 0
    watched = measured_at(population.epoch + 1)
    before: Tensor | None = None
    for leaves, target, batches in population.train.epoch(population.epoch):
        arranged, each = network.arrange(leaves), network.predictions
        prepared = loss.prepare(target, population.units)
        for first, last in batches:
            if watched and number == steps - 1:
                before = network.weights.clone()
            outputs = network.forward(network.slice(arranged, first, last), True)
            total, gradient, weight = loss.loss_and_gradient(outputs, prepared.rows(first, last, each))
            network.backward(gradient)
            penalties.apply(network)
            optimizer.step(network.gradient, number)
            if average is not None and average.decays is not None:
                average.update(network)
            totals.append(total)
            weights.append(weight)
            number += 1
            if perf_counter() >= attention.at and number != steps:  # else after it has been measured
                cut = attention.look(population.states[0])
                if cut is not None:
                    population.step += number
                    population.running = _running(totals, weights)
                    return cut, number / steps
    population.epoch += 1
    population.step += steps
    population.running = _running(totals, weights)
    if watched:
        _look_at_layers(population, alive, before)
    return None, 0.0


def _look_at_layers(population: Population, alive: Sequence[int], before: Tensor | None) -> None:
    """Measure the vitals of the members that want it, or keep what is needed to do so when asked."""
    wanted = [member for member in alive if population.jobs[member].vitals]
    if not wanted:
        return
    snapshot = take_snapshot(population.network, population.active, population.epoch, before)
    if population.network.weights.shape[1] <= KEPT_WEIGHTS:
        population.snapshots.append(snapshot)
        return
    for member in wanted:
        measure_now(snapshot, member, population.jobs[member], population.states[member])


def _running(totals: list[Tensor], weights: list[float | Tensor]) -> Array:
    """Return each member's mean loss over the epoch's rows, each as its batch was met."""
    summed = torch.stack(totals).double().sum(0).cpu().numpy()
    if isinstance(weights[0], float):
        return np.asarray(summed / sum(float(weight) for weight in weights))
    every = torch.stack([weight for weight in weights if isinstance(weight, Tensor)])
    return np.asarray(summed / every.double().sum(0).cpu().numpy())


def measure_epoch(population: Population, share: float, seconds: float) -> tuple[dict[str, Array], Array]:
    """Return the epoch's row of the History of each member in the batch, and what each is judged by."""
    if population.average is not None and population.average.decays is None and not share:
        late = np.array([population.epoch > (r.swa or 0.0) * r.epochs for r in population.recipes()])
        population.average.update(population.network, late)
    with averaged(population):
        sample = evaluate(population, population.sample) if population.sample is not None else {}
        valid = evaluate(population, population.valid) if population.valid is not None else {}
    count = len(population.active)
    row = {
        "epoch": np.full(count, population.epoch + share),
        "step": np.full(count, float(population.step)),
    }
    row |= {"train_loss": sample.pop("loss")} if sample else {}
    row |= {"running_loss": population.running}
    row |= {"valid_loss": valid.pop("loss")} if valid else {}
    for name in dict.fromkeys([*sample, *valid]):
        row |= {f"train_{name}": sample[name]} if name in sample else {}
        row |= {f"valid_{name}": valid[name]} if name in valid else {}
    row |= {"learning_rate": population.rates.last, "seconds": np.full(count, seconds)}
    values = np.array([row[recipe.monitor][place] for place, recipe in enumerate(population.recipes())])
    return row, values


@contextmanager
def averaged(population: Population) -> Iterator[None]:
    """Let the network carry the averaged weights inside, where there are any."""
    if population.average is None:
        yield
        return
    with population.average.applied(population.network):
        yield


def evaluate(population: Population, evaluated: Evaluated) -> dict[str, Array]:
    """Return the loss and the metrics of each member over all its rows, exactly."""
    network, loss, jobs = population.network, population.loss, population.jobs
    if not evaluated.arranged:
        for leaves, target, _ in evaluated.rows.epoch(0):
            evaluated.arranged, evaluated.target = network.arrange(leaves), target
            evaluated.prepared = loss.prepare(target, population.units)
    assert evaluated.prepared is not None
    assert evaluated.target is not None
    rows, members = evaluated.rows.rows, len(population.active)
    widest = max(leaf[0].numel() // rows for leaf in (*evaluated.arranged, *evaluated.prepared.tensors))
    chunk = max(1, EVALUATED // (members * max(1, widest, network.widest)))
    outputs = []
    total: Array = np.zeros(members)
    weight: Any = 0.0
    for first in range(0, rows, chunk):
        last = min(rows, first + chunk)
        output = network.forward(network.slice(evaluated.arranged, first, last), False)
        part = evaluated.prepared.rows(first, last)
        total = total + loss.total(output, part).double().cpu().numpy()
        each = loss.weight(output, part)
        weight = weight + (each if isinstance(each, float) else each.double().cpu().numpy())
        outputs.append(output)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: dict[str, Array] = {"loss": total / weight}
    first_job = jobs[population.active[0]]
    if first_job.metrics:
        found |= measure_members(
            first_job.metrics,
            [jobs[member].loss for member in population.active],
            [jobs[member].decode for member in population.active],
            outputs[0] if len(outputs) == 1 else torch.cat(outputs, 2),
            evaluated.target,
        )
    return found


def _keep_best(
    population: Population, records: MemberRecords, alive: list[int], row: dict[str, Array], values: Array
) -> None:
    members = [population.active[place] for place in alive]
    better = records.record(members, {name: column[alive] for name, column in row.items()}, values[alive])
    improved = [place for place, best in zip(alive, better, strict=True) if best]
    if improved:
        with averaged(population):
            whole = len(improved) == len(population.active)
            index = torch.tensor(improved, device=population.network.weights.device)
            for name, tensor in population.weights().items():
                if whole:
                    population.best[name].copy_(tensor)
                else:
                    population.best[name].index_copy_(0, index, tensor[index])
    for place in alive:
        state = population.states[population.active[place]]
        if state.plateau is not None:
            state.plateau = state.plateau.after(float(values[place]))
