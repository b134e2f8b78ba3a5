"""Repeats: trainings by one recipe with other seeds, or on other folds of the rows."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goodfit.evaluation.scores import Evaluation
from goodfit.evaluation.spread import Spread, spread_of
from goodfit.evaluation.text import number
from goodfit.messages import catalogue, say
from goodfit.observations import History

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Band", "Repeat", "Repeats", "band", "parquet"]


class Band(NamedTuple):
    """A curve over several trainings: where it is measured, the median, the lowest and the highest."""

    epoch: NDArray[np.float64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Repeat:
    """One of the trainings.

    Parameters
    ----------
    number
        Its seed, or its fold counted from 1.
    history
        Its curves.
    scores
        Its metrics on rows that it never saw, by name; empty where there were none.
    findings
        Codes of what its diagnosis says.
    rows
        How many rows the scores are of.
    """

    number: int
    history: History
    scores: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    rows: int = 0

    @property
    def best(self) -> float:
        """What its best epoch was chosen by, at that epoch; NaN where there is none."""
        row = self.history.best_row
        return math.nan if row is None else float(self.history[self.history.monitor][row])


@dataclass(frozen=True, eq=False)
class Repeats:
    """Trainings by one recipe that differ in their seed or in the rows they leave out.

    Parameters
    ----------
    kind
        ``seeds``: the same rows, with another start and order; ``folds``: each leaves out another part of the
        rows; ``bag``: each validates on other rows (`goodfit.Recipe`'s ``bag``).
    trainings
        In the order of seeds or folds.
    ensemble
        Whether the run's model is all of them; else it is one training, see `goodfit.train`.
    evaluation
        Of folds: how good the predictions are, each row's by the training that left it out.
    predictions
        Of folds: those predictions, a row each: ``row`` (of the table, counted from 0), ``fold``, the truth,
        ``prediction`` and ``p_<class>``.
    """

    kind: Literal["seeds", "folds", "bag"]
    trainings: tuple[Repeat, ...]
    ensemble: bool = False
    evaluation: Evaluation | None = None
    predictions: pl.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.trainings)

    @property
    def monitor(self) -> str:
        """What the best epochs were chosen by."""
        return self.trainings[0].history.monitor

    @property
    def histories(self) -> list[History]:
        """The curves of each."""
        return [each.history for each in self.trainings]

    def spreads(self) -> dict[str, Spread]:
        """Return the spread of what the best epochs were chosen by, and of each metric on unseen rows."""
        values = {self.monitor: [each.best for each in self.trainings]}
        for name in dict.fromkeys(name for each in self.trainings for name in each.scores):
            values[name] = [each.scores.get(name, math.nan) for each in self.trainings]
        found = {name: spread_of(numbers) for name, numbers in values.items()}
        return {name: spread for name, spread in found.items() if spread is not None}

    def files(self) -> dict[str, str | bytes]:
        """Return what is written beside a run, by its name in the run's folder."""
        files: dict[str, str | bytes] = {
            f"{self.kind}/history-{each.number}.csv": each.history.to_csv() for each in self.trainings
        }
        if self.predictions is not None:
            files["folds/predictions.parquet"] = parquet(self.predictions)
        return files

    def to_dict(self) -> dict[str, Any]:
        """Return everything but what has files of its own, as plain data for JSON."""
        return {
            "kind": self.kind,
            "ensemble": self.ensemble,
            "evaluation": None if self.evaluation is None else self.evaluation.to_dict(),
            "spreads": {name: spread.to_dict() for name, spread in self.spreads().items()},
            "trainings": [
                {
                    "number": each.number,
                    "history": each.history.facts(),
                    "scores": dict(each.scores),
                    "findings": list(each.findings),
                    "rows": each.rows,
                }
                for each in self.trainings
            ],
        }

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], histories: Sequence[str], predictions: pl.DataFrame | None = None
    ) -> Repeats:
        """Rebuild them from `to_dict` and the texts of their histories, in their order."""
        trainings = tuple(
            Repeat(
                number=item["number"],
                history=History.from_csv(text, **item["history"]),
                scores={
                    name: math.nan if value is None else float(value)
                    for name, value in item["scores"].items()
                },
                findings=tuple(item["findings"]),
                rows=item["rows"],
            )
            for item, text in zip(data["trainings"], histories, strict=True)
        )
        scores = data.get("evaluation")
        evaluation = None if scores is None else Evaluation.from_dict(scores)
        return cls(data["kind"], trainings, bool(data["ensemble"]), evaluation, predictions)

    def sentences(self, main_metric: str, language: str = "en") -> list[str]:
        """Return what was trained, how good it is over folds, and which differences are noise."""
        wording = f"{self.kind}{'-ensemble' if self.ensemble else ''}"
        first, last = self.trainings[0].number, self.trainings[-1].number
        if self.kind == "bag":
            return [say("population.intro.bag", language, count=len(self))]
        told = [say(f"population.intro.{wording}", language, count=len(self), first=first, last=last)]
        spread = self.spreads().get(main_metric)
        if self.kind == "folds":
            return [*told, say("population.spread.folds", language)]
        if spread is None:
            return told
        if spread.count < 2:
            return [*told, say("population.spread.single", language)]
        limit = {"metric": _named(main_metric, language), "limit": number(spread.repeatability)}
        told.append(say("population.spread.limit", language, **limit))
        return [*told, say("population.spread.rows", language)]

    def how_good(self, main_metric: str, language: str = "en") -> str:
        """Return how good the trainings are on rows they never saw; empty where nothing is known."""
        values: dict[str, Any] = {"count": len(self), "metric": _named(main_metric, language)}
        if self.kind == "folds":
            score = None if self.evaluation is None else self.evaluation.metrics.get(main_metric)
            if self.evaluation is None or score is None:
                return ""
            values |= {"value": number(score.value), "rows": f"{self.evaluation.rows:,}"}
            between = f" [{number(score.low)}, {number(score.high)}]" if math.isfinite(score.low) else ""
            return say("population.good.folds", language, interval=between, **values)
        spread = self.spreads().get(main_metric)
        if spread is None or spread.count < 2:
            return ""
        values |= {name: number(getattr(spread, name)) for name in ("mean", "deviation", "low", "high")}
        wording = "seeds-ensemble" if self.ensemble else "seeds"
        return say(f"population.good.{wording}", language, **values)

    def spread_table(self, language: str = "en") -> list[list[str]]:
        """Return the spread of each quantity over the trainings, the names of the columns first."""
        heads = ("quantity", "mean", "deviation", "low", "high")
        rows = [[say(f"population.table.{head}", language) for head in heads]]
        for name, one in self.spreads().items():
            values = (one.mean, one.deviation, one.low, one.high)
            rows.append([_named(name, language), *(number(value) for value in values)])
        return rows

    def each_table(self, language: str = "en") -> list[list[str]]:
        """Return a row for each training, the names of the columns first."""
        metrics = list(dict.fromkeys(name for each in self.trainings for name in each.scores))
        heads = ({"seeds": "seed", "folds": "fold", "bag": "network"}[self.kind], "epochs", "best")
        rows = [[say(f"population.table.{head}", language) for head in heads]]
        rows[0] += [self.monitor, *(_named(name, language) for name in metrics)]
        diagnosed = self.kind != "bag"  # of a bag the first alone
        rows[0] += [say("population.table.findings", language)] if diagnosed else []
        for each in self.trainings:
            best = each.history.best_epoch
            values = (each.best, *(each.scores.get(name, math.nan) for name in metrics))
            findings = ", ".join(each.findings) or say("population.table.none", language)
            told = [str(each.number), str(len(each.history)), "–" if best is None else f"{best:g}"]
            rows.append([*told, *map(number, values), *([findings] if diagnosed else [])])
        return rows

    def __repr__(self) -> str:
        spread = self.spreads().get(self.monitor)
        told = "" if spread is None else f", {self.monitor} {spread.mean:.4g} ± {spread.deviation:.2g}"
        return f"<Repeats: {len(self)} {self.kind}{told}>"


def _named(quantity: str, language: str) -> str:
    code = f"evaluation.metric.{quantity}"
    return say(code, language) if code in catalogue("en") else quantity


def parquet(frame: pl.DataFrame) -> bytes:
    """Return a table as the content of a Parquet file, which keeps the types of its columns."""
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


def band(histories: Sequence[History], name: str) -> Band | None:
    """Return a curve's median and range over trainings, up to where half of them still train.

    Beyond that the few that are left would be taken for all. None where nobody measured it.

    Examples
    --------
    >>> curves = [History({"epoch": [1, 2], "valid_loss": values}) for values in ([3, 2], [5, 1], [4, 3])]
    >>> band(curves, "valid_loss").middle
    array([4., 2.])
    """
    measured = [history for history in histories if history.get(name) is not None]
    if not measured:
        return None
    lengths = sorted(len(history) for history in measured)
    rows = lengths[(len(lengths) - 1) // 2]
    table = np.full((len(measured), rows), np.nan)
    for values, history in zip(table, measured, strict=True):
        values[: len(history)] = history[name][:rows]
    table[~np.isfinite(table)] = np.nan
    longest = max(measured, key=len)
    known = ~np.isnan(table).all(axis=0)
    table = table[:, known]
    epoch: Any = longest["epoch"][:rows][known] if "epoch" in longest else (np.flatnonzero(known) + 1.0)
    low, middle, high = (
        np.nanmin(table, axis=0),
        np.nanmedian(table, axis=0),
        np.nanmax(table, axis=0),
    )
    return Band(epoch, middle, low, high)
