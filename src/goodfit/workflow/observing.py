"""What is observed of a training beside its curves, once it has ended: data, outputs, modes, parameters.

All of it works on samples: at most `MOST_ROWS` rows that lie in memory, `FETCHED_ROWS` that must be fetched.
Random states, buffers and modes stay as they were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from goodfit.data.batches import count_rows, head, leaves, move
from goodfit.data.neighbours import probe_labels
from goodfit.data.summarizing import MOST_FEATURES, MOST_ROWS, Rows, fingerprints, summarize, thinned
from goodfit.observations import EndedBy
from goodfit.probes import DataSummary, LabelProbe, NonFiniteOrigin, StartProbe
from goodfit.training.gradients import batch_loss
from goodfit.training.job import Job
from goodfit.training.measuring import evaluate_step
from goodfit.training.probing import parameter_facts, predicted_classes, probe_modes, probe_outputs
from goodfit.training.randomness import undisturbed
from goodfit.training.state import TrainingState
from goodfit.workflow.parts import Part, Parts, first_batches, make_batches, pick, rows_of

__all__ = ["observe"]

FETCHED_ROWS = 256
MODE_ROWS = 256
HASHED_ELEMENTS = 2**23
HASHED_COLUMNS = 64
FEWEST_COPIES = 3
"""Rows that two parts share from which on it is not chance alone."""


def observe(job: Job, parts: Parts, state: TrainingState, ended: EndedBy) -> dict[str, Any]:
    """Return the fields of `goodfit.observations.Observations` that are measured beside the curves."""
    # Before anything else goes through the network: the last update's gradients are still there.
    found: dict[str, Any] = {"parameters": parameter_facts(job.model, [job.optimizer])}
    if state.start_loss is not None:
        found["start"] = StartProbe(state.start_loss if math.isfinite(state.start_loss) else None)
    contents = [part.content for part in (parts.train, parts.valid, parts.test) if part is not None]
    with undisturbed(*contents), suppress(RuntimeError, ValueError):
        train, valid = _sample(parts.train), _sample(parts.valid)
        job.model.eval()
        found["outputs"] = _outputs(job, valid or train)
        found["modes"] = _modes(job, train)
        summary = _summary(job, parts, train, valid)
        found["data"] = summary
        if ended == "non-finite-loss":
            found["non_finite"] = _origin(job, state, summary)
        found["labels"] = _labels(job, train, valid)
    return {name: value for name, value in found.items() if value is not None}


def _sample(part: Part | None) -> Any:
    """Return a batch of rows drawn from all of a part, or the first that a loader delivers."""
    if part is None or (not rows_of(part) and part.kind != "loader"):
        return None
    if part.kind == "tensors":
        inputs, target = pick(part.content, torch.from_numpy(thinned(rows_of(part) or 0, MOST_ROWS)))
        return inputs if target is None else (inputs, target)
    if part.kind == "loader":
        return head(first_batches(part.content, 1)[0], FETCHED_ROWS)
    index = thinned(rows_of(part) or 0, FETCHED_ROWS).tolist()
    some = Part("dataset", torch.utils.data.Subset(part.content, index))
    return next(iter(make_batches(some, batch_size=None, seed=None, device=torch.device("cpu")).epoch(0)))


def _outputs(job: Job, batch: Any) -> Any:
    with suppress(RuntimeError, ValueError, IndexError):
        return probe_outputs(job.model, job.loss, lambda rows: evaluate_step(job, rows), _on(job, batch))
    return None


def _modes(job: Job, batch: Any) -> Any:
    with suppress(RuntimeError, ValueError, IndexError):
        few = head(_on(job, batch), MODE_ROWS)
        return probe_modes(job.model, lambda rows: evaluate_step(job, rows), few)
    return None


def _on(job: Job, batch: Any) -> Any:
    return move(batch, job.device)


def _pair(job: Job, batch: Any) -> tuple[Any, Tensor | None] | None:
    """Return inputs and target of a batch, None where it is nothing of the kind."""
    if batch is None:
        return None
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        inputs, target = batch
        return inputs, target if isinstance(target, Tensor) else None
    return (batch, None) if job.step is not None and isinstance(batch, Tensor) else None


def _rows(job: Job, batch: Any, names: Sequence[str]) -> Rows | None:
    """Return a batch as plain numbers: at most `MOST_FEATURES` of them, NaN replaced by 0."""
    pair = _pair(job, batch)
    if pair is None:
        return None
    inputs, target = pair
    count = count_rows(batch)
    flat = [leaf.reshape(len(leaf), -1) for leaf in leaves(inputs) if leaf.ndim and len(leaf) == count]
    if not flat or not count or any(leaf.is_complex() for leaf in flat):
        return None
    features = torch.cat([leaf.double().cpu() for leaf in flat], dim=1).detach().numpy()
    names = names if len(names) == features.shape[1] else [str(number) for number in range(features.shape[1])]
    chosen = thinned(features.shape[1], MOST_FEATURES)
    kept = np.nan_to_num(features[:, chosen], nan=0.0, posinf=0.0, neginf=0.0)
    return Rows(kept, _target(job, target, count), [names[number] for number in chosen])


def _target(job: Job, target: Tensor | None, count: int) -> NDArray[Any] | None:
    if target is None or len(target) != count or target.is_complex():
        return None
    plain = target.detach().cpu()
    kind = job.loss.facts.target
    if kind == "binary" and plain.numel() == count:
        return (plain.reshape(-1) > 0.5).long().numpy()
    if not plain.is_floating_point() and plain.ndim == 1 and kind in ("labels", "any"):
        return plain.long().numpy() if int(plain.min()) >= 0 else None
    if kind == "labels" or not bool(torch.isfinite(plain.double()).all()):
        return None
    return plain.reshape(count, -1).double().numpy()


def _names(parts: Parts) -> list[str]:
    if parts.table is None:
        return []
    preparation = parts.table.preparation
    return [*preparation.number_names, *preparation.category_names]


def _summary(job: Job, parts: Parts, train: Any, valid: Any) -> DataSummary | None:
    names = _names(parts)
    rows, others = _rows(job, train, names), _rows(job, valid, names)
    if rows is None:
        return None
    if others is not None and others.features.shape[1] != rows.features.shape[1]:
        others = None
    drawn = parts.train.kind != "loader"
    summary = summarize(rows, others, drawn=drawn, divided_by=_divided_by(parts))
    target = parts.train.content[1] if parts.train.kind == "tensors" else None
    pair = _pair(job, train)
    seen = parts.train.content if parts.train.kind == "tensors" else pair
    facts = {**_non_finite(seen, names), **_duplicates(parts)}
    if parts.table is not None and len(parts.table.split.valid):
        facts["time_column"] = parts.table.profile.time_column or ""
    if rows.target is not None and rows.target.ndim == 1:
        facts["class_counts"] = _counts(job, target, rows)
        if parts.table is not None and parts.classes:
            facts["class_names"] = tuple(str(name) for name in parts.classes)
        valid_target = (
            parts.valid.content[1] if parts.valid is not None and parts.valid.kind == "tensors" else None
        )
        if others is not None and others.target is not None:
            facts["valid_class_counts"] = _counts(job, valid_target, others)
    return replace(summary, **facts)


def _divided_by(parts: Parts) -> tuple[str, ...]:
    """Return the names of the features made from the column that the rows were divided by."""
    if parts.table is None:
        return ()
    by = parts.table.profile.time_column
    columns = (column for column in parts.table.preparation.columns if column.name == by)
    return tuple(name for column in columns for name in (column.name, *getattr(column, "outputs", ())))


def _counts(job: Job, target: Tensor | None, rows: Rows) -> tuple[int, ...]:
    """Return the rows of each class, of all rows where they lie in memory."""
    whole = None if target is None else _target(job, target, len(target))
    known = rows.target if whole is None or whole.ndim != 1 else whole
    assert known is not None
    return tuple(np.bincount(known).tolist())


def _non_finite(batch: Any, names: Sequence[str]) -> dict[str, Any]:
    inputs, target = batch
    found: dict[str, Any] = {}
    place = 0
    for leaf in leaves(inputs):
        if leaf.is_floating_point() and leaf.ndim and not _all_finite(leaf):
            wrong = ~torch.isfinite(leaf.reshape(len(leaf), -1))
            column = place + int(wrong.any(dim=0).nonzero()[0, 0])
            found["non_finite"] = int(wrong.any(dim=1).sum())
            found["non_finite_feature"] = names[column] if column < len(names) else str(column)
            break
        place += leaf[:1].numel() if leaf.ndim else 0
    if isinstance(target, Tensor) and target.is_floating_point():
        lost = ~torch.isfinite(target.reshape(len(target), -1)).all(dim=1)
        found["non_finite_targets"] = int(lost.sum())
    return found


def _all_finite(tensor: Tensor) -> bool:
    """Say so without a copy: smallest and largest are NaN where anything is."""
    return not tensor.numel() or bool(torch.isfinite(torch.stack(torch.aminmax(tensor))).all())


def _duplicates(parts: Parts) -> dict[str, Any]:
    """Return which share of validation and test rows are training rows to the last bit; 0 for a few."""
    if parts.train.kind != "tensors":
        return {}
    marks = {
        name: _marks(part.content[0])
        for name, part in (("train", parts.train), ("valid", parts.valid), ("test", parts.test))
        if part is not None and part.kind == "tensors"
    }
    if any(mark is None for mark in marks.values()):
        return {}
    train = marks["train"]
    assert train is not None
    _, repeats = np.unique(train, return_counts=True)
    found: dict[str, Any] = {"duplicated_train": float(repeats[repeats > 1].sum() / len(train))}
    for name in ("valid", "test"):
        if (mark := marks.get(name)) is not None:
            copies = np.isin(mark, train)
            found[f"duplicated_{name}"] = float(copies.mean()) if copies.sum() >= FEWEST_COPIES else 0.0
    return found


def _marks(inputs: Any) -> NDArray[np.uint64] | None:
    flat = [leaf.reshape(len(leaf), -1) for leaf in leaves(inputs) if leaf.ndim]
    if not flat or any(leaf.is_complex() for leaf in flat):
        return None
    width = sum(leaf.shape[1] for leaf in flat)
    if sum(leaf.numel() for leaf in flat) > HASHED_ELEMENTS:
        chosen = thinned(width, HASHED_COLUMNS)
        if len(flat[0]) * len(chosen) > HASHED_ELEMENTS or len(flat) > 1:
            return None
        flat = [flat[0][:, torch.from_numpy(chosen)]]
    plain = [leaf.detach().float().cpu() for leaf in flat]
    return fingerprints((plain[0] if len(plain) == 1 else torch.cat(plain, dim=1)).numpy())


def _labels(job: Job, train: Any, valid: Any) -> LabelProbe | None:
    rows, others = _rows(job, train, ()), _rows(job, valid, ())
    if rows is None or rows.target is None:
        return None
    if others is not None and others.features.shape[1] != rows.features.shape[1]:
        others = None
    given = _answers(job, train) if rows.target.ndim == 1 else None
    held = _answers(job, valid) if rows.target.ndim == 1 and valid is not None else None
    predicted = None if given is None or len(given[0]) != len(rows) else given[0]
    return probe_labels(rows, others, predicted, None if held is None else held[1:])


def _answers(job: Job, batch: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None:
    """Return the class that each row is given, how sure the network is of it, and whether it is right."""
    with torch.no_grad(), suppress(RuntimeError, ValueError, IndexError):
        _, _, outputs, target = evaluate_step(job, _on(job, batch))
        if isinstance(outputs, Tensor) and isinstance(target, Tensor):
            found = predicted_classes(job.loss, outputs, target)
            if found is not None:
                given, actual = (part.cpu().numpy() for part in found[:2])
                return given, found[2].cpu().numpy(), given == actual
    return None


def _origin(job: Job, state: TrainingState, summary: DataSummary | None) -> NonFiniteOrigin:
    """Return where the first NaN or infinity of a training that it ended arose."""
    losses = [bool(torch.isfinite(loss)) for loss in state.losses]
    step = losses.index(False) if False in losses else None
    epoch = max(1, state.epoch)
    if summary is not None and summary.non_finite:
        return NonFiniteOrigin("inputs", summary.non_finite_feature, epoch, step)
    if summary is not None and summary.non_finite_targets:
        return NonFiniteOrigin("target", "", epoch, step)
    early = [row for row in state.vitals if row["epoch"] == 0]
    for row in early:
        if row.get("non_finite"):
            return NonFiniteOrigin("layer", str(row["layer"]), epoch, step)
    if state.start_loss is not None and not math.isfinite(state.start_loss):
        return NonFiniteOrigin("loss", "", epoch, step)
    if any(not math.isfinite(row.get("gradient_norm", 0.0)) for row in early):
        return NonFiniteOrigin("gradients", "", epoch, step)
    where, name = _where(job, epoch, step)
    return NonFiniteOrigin(where, name, epoch, step)  # type: ignore[arg-type]


def _where(job: Job, epoch: int, step: int | None) -> tuple[str, str]:
    """Send the batch of the first loss that was not finite through the weights that were kept."""
    if not all(bool(torch.isfinite(weight).all()) for weight in job.model.parameters()):
        return "weights", ""
    batch = next(job.train.epoch(epoch - 1, step or 0), None)
    if batch is None:
        return "weights", ""
    wrong: list[str] = []
    names = {id(module): name for name, module in job.model.named_modules()}

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        value = output[0] if isinstance(output, tuple) and output else output
        if isinstance(value, Tensor) and not bool(torch.isfinite(value).all()):
            wrong.append(names[id(module)] or type(module).__name__)

    handles = [
        module.register_forward_hook(note)
        for module in job.model.modules()
        if not any(True for _ in module.children())
    ]
    try:
        with torch.enable_grad():
            loss = batch_loss(job, batch, (epoch - 1, step or 0))
    finally:
        for handle in handles:
            handle.remove()
    if wrong:
        return "layer", wrong[0]
    if not bool(torch.isfinite(loss)):
        return "loss", ""
    weights = [weight for weight in job.model.parameters() if weight.requires_grad]
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    finite = all(bool(torch.isfinite(part).all()) for part in gradients if part is not None)
    return ("weights", "") if finite else ("gradients", "")
