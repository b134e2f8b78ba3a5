"""Why a Run predicts as it does, asked of tables: importance of columns, attributions of single rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from goodfit.errors import InputError
from goodfit.messages import Message

if TYPE_CHECKING:
    from goodfit.data.facts import TypedRows
    from goodfit.explanation.importance import Importance
    from goodfit.explanation.rows import Explanation
    from goodfit.run import Run

__all__ = ["explain_table", "importance_of_rows", "importance_on"]

FIRST_ROWS = 5
"""Rows that are explained where none are named."""


def importance_of_rows(run: Run, rows: TypedRows) -> Importance | None:
    """Return what each column is worth to the run's network on typed rows; None for too few."""
    from goodfit.explanation.permutation import measure_importance

    facts, threshold = run.table_facts(), None if run.threshold is None else run.threshold.value
    network: Any = run.model
    if run.repeats is not None and run.repeats.kind == "bag" and rows is run.held_out:
        network = network.members[0]  # the others have learned from these rows
    return measure_importance(network, run.loss, facts, rows, seed=run.recipe.seed, threshold=threshold)


def importance_on(run: Run, data: Any) -> Importance | None:
    """Return what each column is worth to the run's network on another table with the target."""
    import numpy as np

    from goodfit.data.casting import cast
    from goodfit.data.facts import TypedRows
    from goodfit.data.targets import encode_target

    facts = run.table_facts()
    typed = cast(run.read_table(data), facts.profile)
    target = encode_target(facts.preparation.target, typed.frame, typed.source.name)
    return importance_of_rows(run, TypedRows.of(typed, target, np.arange(typed.frame.height)))


def explain_table(
    run: Run, data: Any, rows: Sequence[int] | None = None, *, target: str | None = None, **reading: Any
) -> tuple[Explanation, tuple[Message, ...]]:
    """Return why rows of ``data`` are predicted as they are, and what was noticed about the data on the way.

    Parameters
    ----------
    rows
        Their numbers in ``data``, counted from 0; None for the first five.
    target
        Which of several targets; None for the first.
    reading
        How the table is written, where that is not as the one trained on.

    Raises
    ------
    InputError
        See `goodfit.Run.explain`.
    """
    from goodfit.data.casting import cast
    from goodfit.explanation.gradients import explain_rows

    facts = run.table_facts()
    table = run.read_table(data, reading)
    count = table.frame.height
    chosen = range(min(count, FIRST_ROWS)) if rows is None else [int(row) for row in rows]
    for row in chosen:
        if not 0 <= row < count:
            raise InputError("explain.no-row", row=row, file=table.source.name, count=count, last=count - 1)
    typed = cast(table, facts.profile, target=False)
    explanation = explain_rows(
        run.model,
        run.loss,
        replace(facts, source=table.source),
        typed.frame,
        chosen,
        target=target,
        threshold=0.5 if run.threshold is None else run.threshold.value,
    )
    return explanation, (*table.notes, *typed.notes)
