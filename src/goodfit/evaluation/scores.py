"""Evaluation: how good the predictions are on rows that training never saw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import Any, Literal

from goodfit.evaluation.text import align, html_table, number, shorten
from goodfit.messages import Message, catalogue, say

__all__ = ["ClassReport", "Evaluation", "Score", "TargetReport", "Verdict", "WorstRow"]

Verdict = Literal["better", "no different", "worse"]

FEWEST_ROWS = 20
WORST_TOLD = 3


@dataclass(frozen=True)
class Score:
    """A value with its 95 % interval; NaN bounds where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassReport:
    """A class's row of the classification report."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class TargetReport:
    """The scores of one of several predicted columns."""

    name: str
    rmse: float
    mae: float
    r2: float


@dataclass(frozen=True)
class WorstRow:
    """A row that the network gets most wrong.

    ``row`` counts from 0: in a table as it was given (its rows without a target count too), else among the
    rows evaluated. ``loss`` is the log loss of the row, or the error in standard deviations of the target
    (root mean square over targets). ``values`` is what the table has in that row.
    """

    row: int
    loss: float
    actual: Any
    predicted: Any
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Evaluation:
    """How good the predictions are on rows that training never saw.

    Parameters
    ----------
    task
        ``binary``, ``multiclass``, ``multilabel``, ``regression``, or ``other`` where the loss does not say.
    rows
        Rows evaluated on.
    targets
        Names of the predicted columns.
    metrics
        By scikit-learn's names, the network's scores.
    baselines
        The same metrics of ``prior`` (predicting the training rows' class shares or mean) and of
        ``linear`` (logistic or ridge regression on the same prepared rows); a baseline that could not be
        had is absent.
    main_metric
        The metric by which the network is compared with the linear model.
    advantage
        How much better than the linear model, by the main metric (positive is better), with a paired
        bootstrap interval; None without a linear baseline.
    confusion
        Rows: the true class; columns: the predicted one; None for regression.
    classes
        A row of the classification report per class; empty for regression.
    figures
        Points for the figures, as lists of numbers. Classes: ``roc``, a list of curves (``label``, ``fpr``,
        ``tpr``, ``auc``; binary: one, of the second class); ``calibration`` (``predicted``, ``observed``,
        ``low``, ``high``, ``rows`` of each bin, ``error``, ``of``). Regression: ``actual`` and
        ``predicted``, a list per target of the same at most 2,000 rows (``sample``); ``residuals``
        (``edges``, ``counts``), a histogram of prediction minus truth per target.
    outputs
        The scores of each target; empty for classes.
    worst
        The rows it gets most wrong, at most 50, worst first.
    notes
        What the scores cannot say, and why.
    linear
        Whether the network is itself a linear model.
    """

    task: Literal["binary", "multiclass", "multilabel", "regression", "other"]
    rows: int
    targets: tuple[str, ...]
    metrics: Mapping[str, Score]
    baselines: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    main_metric: str = ""
    advantage: Score | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    classes: tuple[ClassReport, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[TargetReport, ...] = ()
    worst: tuple[WorstRow, ...] = ()
    notes: tuple[Message, ...] = ()
    linear: bool = False

    @property
    def verdict(self) -> Verdict | None:
        """``better``, ``no different`` or ``worse`` than the linear model; None where that cannot be told.

        By the 95 % interval of the paired difference in ``main_metric``; on fewer than 20 rows the bootstrap
        is too sure of itself, and nothing is said. Predictions that are not finite are worse than any.
        """
        if self.advantage is None:
            return None
        if not math.isfinite(self.metrics[self.main_metric].value):
            return "worse" if math.isfinite(self.baselines["linear"][self.main_metric].value) else None
        if self.rows < FEWEST_ROWS or math.isnan(self.advantage.low):
            return None
        if self.advantage.low > 0:
            return "better"
        return "worse" if self.advantage.high < 0 else "no different"

    @property
    def beats_linear(self) -> bool | None:
        """Whether the network is surely better than the linear model; None where that cannot be told."""
        return None if self.verdict is None else self.verdict == "better"

    @property
    def verdict_message(self) -> Message:
        """The verdict in a plain sentence."""
        if self.advantage is None or not math.isfinite(self.baselines["linear"][self.main_metric].value):
            return Message("evaluation.verdict.no-linear")
        if self.verdict is None:
            return Message("evaluation.verdict.too-few-rows", {"count": self.rows})
        named = _metric_name(self.main_metric)
        network = self.metrics[self.main_metric].value
        if not math.isfinite(network):
            return Message("evaluation.verdict.unusable", {"metric": named})
        verdict = self.verdict.replace(" ", "-")
        return Message(
            f"evaluation.verdict.linear-{verdict}" if self.linear else f"evaluation.verdict.{verdict}",
            {
                "metric": named,
                "network": number(network),
                "linear": number(self.baselines["linear"][self.main_metric].value),
                "advantage": number(self.advantage.value),
                "deficit": number(-self.advantage.value),
                "low": number(self.advantage.low),
                "high": number(self.advantage.high),
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain data for JSON; NaN is None."""
        plain: dict[str, Any] = _plain(asdict(replace(self, notes=())))
        return {
            **plain,
            "notes": [_plain(note.to_dict()) for note in self.notes],
            "verdict": self.verdict,
            "beats_linear": self.beats_linear,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """Rebuild an evaluation from `to_dict`."""
        confusion, advantage = data.get("confusion"), data.get("advantage")
        return cls(
            task=data["task"],
            rows=data["rows"],
            targets=tuple(data["targets"]),
            metrics=_scores(data["metrics"]),
            baselines={name: _scores(scores) for name, scores in data.get("baselines", {}).items()},
            main_metric=data.get("main_metric", ""),
            advantage=None if advantage is None else Score(**_numbers(advantage)),
            confusion=None if confusion is None else tuple(tuple(row) for row in confusion),
            classes=tuple(ClassReport(**_numbers(row)) for row in data.get("classes", ())),
            figures=dict(data.get("figures", {})),
            outputs=tuple(TargetReport(**_numbers(row)) for row in data.get("outputs", ())),
            worst=tuple(WorstRow(**_numbers(row)) for row in data.get("worst", ())),
            notes=tuple(Message.from_dict(note) for note in data.get("notes", ())),
            linear=data.get("linear", False),
        )

    def to_text(self, language: str = "en") -> str:
        """Return the scores beside the baselines, the report of classes and the verdict, for a terminal."""
        parts = [say("evaluation.text.title", language, count=self.rows)]
        table = self._score_table(language)
        parts.append(align(table, range(1, len(table[0])), language))
        if self.classes:
            parts.append(align(self._class_table(language), range(1, 5), language))
        if len(self.outputs) > 1:
            parts.append(align(self._target_table(language), range(1, 4), language))
        sentences = [self.verdict_message, *self._worst_message(), *self.notes]
        return "\n\n".join([*parts, "\n".join(message.text(language) for message in sentences)])

    def predictor_name(self, model: str, language: str = "en") -> str:
        """Return what ``network``, ``linear`` or ``prior`` is called; any other baseline by its own name."""
        match model:
            case "network" | "linear":
                return say(f"evaluation.predictor.{model}{'-of-linear' if self.linear else ''}", language)
            case "prior":
                kind = "values" if self.task == "regression" else "classes"
                return say(f"evaluation.predictor.prior-{kind}", language)
        return model

    def _worst_message(self) -> list[Message]:
        """Return which rows of a table it gets most wrong, in a sentence."""
        told = [
            Message(
                "evaluation.text.worst-row",
                {"row": item.row, "actual": _short(item.actual), "predicted": _short(item.predicted)},
            )
            for item in self.worst[:WORST_TOLD]
            if item.values and (self.task == "regression" or item.actual != item.predicted)
        ]
        return [Message("evaluation.text.worst", {"rows": told})] if told else []

    def _score_table(self, language: str) -> list[list[str]]:
        others = sorted(self.baselines, key=lambda name: (name == "prior", name))
        header = [say(f"evaluation.text.{word}", language) for word in ("metric",)]
        header += [self.predictor_name(model, language) for model in ("network", *others)]
        rows = [header]
        for metric, score in self.metrics.items():
            cells = [_spoken(_metric_name(metric), language), _with_interval(score)]
            for name in others:
                other = self.baselines[name].get(metric)
                cells.append(
                    "" if other is None else number(other.value) if name == "prior" else _with_interval(other)
                )
            rows.append(cells)
        return rows

    def _class_table(self, language: str) -> list[list[str]]:
        words = ("text.class", "metric.precision", "metric.recall", "metric.f1", "text.rows")
        header = [say(f"evaluation.{word}", language) for word in words]
        return [
            header,
            *(
                [
                    shorten(row.label),
                    number(row.precision),
                    number(row.recall),
                    number(row.f1),
                    f"{row.rows:,}",
                ]
                for row in self.classes
            ),
        ]

    def _target_table(self, language: str) -> list[list[str]]:
        words = ("text.target", "metric.rmse", "metric.mae", "metric.r2")
        header = [say(f"evaluation.{word}", language) for word in words]
        return [
            header,
            *([shorten(row.name), number(row.rmse), number(row.mae), number(row.r2)] for row in self.outputs),
        ]

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {number(score.value)}" for name, score in self.metrics.items())
        against = (
            ""
            if self.verdict is None
            else f"; {self.verdict} than the linear model".replace("different than", "different from")
        )
        return f"<Evaluation on {self.rows:,} rows: {scores}{against}>"

    def _repr_html_(self) -> str:
        tables = html_table(self._score_table("en"))
        if self.classes:
            tables += html_table(self._class_table("en"))
        return f"{tables}<p>{escape(self.verdict_message.text())}</p>"


def _short(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " / ".join(_short(item) for item in value)
    return number(value) if isinstance(value, float) else shorten(str(value))


def _with_interval(score: Score) -> str:
    if math.isnan(score.low):
        return number(score.value)
    return f"{number(score.value)} [{number(score.low)}, {number(score.high)}]"


def _metric_name(metric: str) -> Message | str:
    code = f"evaluation.metric.{metric}"
    return Message(code) if code in catalogue("en") else metric


def _spoken(name: Message | str, language: str) -> str:
    return name.text(language) if isinstance(name, Message) else name


def _plain(value: Any) -> Any:
    """Return tuples as lists, and None for numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in data.items()}


def _scores(data: Mapping[str, Any]) -> dict[str, Score]:
    return {name: Score(**_numbers(score)) for name, score in data.items()}
