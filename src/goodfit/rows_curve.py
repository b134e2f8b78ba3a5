"""DataCurve: how good a recipe is when it learns from fewer rows, and what more rows would bring."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from goodfit.evaluation.power_law import Forecast, PowerLaw
from goodfit.evaluation.scores import Score
from goodfit.evaluation.text import align, number
from goodfit.messages import Message, catalogue, say
from goodfit.observations import higher_is_better
from goodfit.recipe import Recipe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from goodfit.report.page import Block

__all__ = ["DataCurve", "Size", "error_of"]

WORTH = 0.01
"""Gain, as a share of the error, below which more rows are said to bring hardly anything."""


@dataclass(frozen=True)
class Size:
    """What trainings on so many rows came to.

    Parameters
    ----------
    rows
        Rows learned from.
    scores
        Metrics by name on rows never seen, a value for each training.
    errors
        What the law is fitted to: the main metric, turned so that less is better.
    """

    rows: int
    scores: Mapping[str, tuple[float, ...]]
    errors: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class DataCurve:
    """How good a recipe is when it learns from fewer rows, and what more rows would bring.

    Parameters
    ----------
    name
        What the data are called.
    recipe
        The recipe, by which all rows were learned from.
    metric
        What the law is fitted to; R² as ``1 - r2``.
    sizes
        From the fewest rows to all there are for training.
    law
        The power law through them.
    forecasts
        What twice the rows would bring, and what four times.
    backtest
        What the law of all sizes but the largest says of the largest, and the mean measured there; NaN where
        there are too few sizes for that.
    unseen
        ``test`` or ``valid``: which rows the scores are of.
    unseen_rows
        How many these are.
    notes
        What the curve cannot say.
    """

    name: str
    recipe: Recipe
    metric: str
    sizes: tuple[Size, ...]
    law: PowerLaw
    forecasts: tuple[Forecast, ...]
    backtest: tuple[float, float]
    unseen: Literal["test", "valid"]
    unseen_rows: int
    notes: tuple[Message, ...] = field(default=())

    @property
    def verdict(self) -> Literal["helps", "hardly", "unknown"]:
        """Whether twice the rows would help.

        ``helps``: surely by 1 % of the error or more; ``hardly``: surely by less; else ``unknown``. The law
        cannot rise, so a gain above zero alone says nothing.
        """
        gain, now = self.forecasts[0].gain, float(self.law(self.sizes[-1].rows))
        if gain.low >= WORTH * now:
            return "helps"
        return "hardly" if gain.high < WORTH * now else "unknown"

    def sentences(self, language: str = "en") -> list[str]:
        """Return what came out, in words."""
        twice = self.forecasts[0]
        measured = float(np.mean(self.sizes[-1].errors))
        values = {
            "metric": _error_name(self.metric, language),
            "rows": f"{self.sizes[-1].rows:,}",
            "more": f"{twice.rows:,}",
            "now": number(measured),
            "gain": number(twice.gain.value),
            "low": number(twice.gain.low),
            "high": number(twice.gain.high),
        }
        told = [say(f"data_curve.verdict.{self.verdict}", language, **values)]
        if not math.isnan(self.backtest[0]):
            said, found = map(number, self.backtest)
            told.append(say("data_curve.backtest", language, said=said, found=found))
        told.append(say(f"data_curve.unseen.{self.unseen}", language, count=self.unseen_rows))
        return [*told, *(note.text(language) for note in self.notes)]

    def table(self, language: str = "en") -> list[list[str]]:
        """Return a row for each size and forecast, the names of the columns first."""
        names = list(self.sizes[0].scores)
        heads = [say("data_curve.table.rows", language), say("data_curve.table.trainings", language)]
        rows = [[*heads, *(_named(name, language) for name in names)]]
        for size in self.sizes:
            cells = [_mean_and_deviation(size.scores[name]) for name in names]
            rows.append([f"{size.rows:,}", str(len(size.errors)), *cells])
        for one in self.forecasts:
            told = say("data_curve.table.forecast", language)
            shown = f"{number(one.error.value)} [{number(one.error.low)}, {number(one.error.high)}]"
            rows.append(
                [
                    f"{one.rows:,}",
                    told,
                    *(shown if name == self.metric and not _turned(name) else "" for name in names),
                ]
            )
        return rows

    def to_text(self, language: str = "en") -> str:
        """Return it for a terminal."""
        table = self.table(language)
        aligned = align(table, range(len(table[0])), language)
        return "\n\n".join(["\n".join(self.sentences(language)), aligned])

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON; NaN is None."""
        return {
            "name": self.name,
            "metric": self.metric,
            "verdict": self.verdict,
            "sizes": [
                {
                    "rows": size.rows,
                    "scores": {name: [_plain(value) for value in each] for name, each in size.scores.items()},
                    "errors": list(size.errors),
                }
                for size in self.sizes
            ],
            "law": self.law.to_dict(),
            "forecasts": [asdict(one) for one in self.forecasts],
            "backtest": {"said": _plain(self.backtest[0]), "measured": _plain(self.backtest[1])},
            "unseen": self.unseen,
            "unseen_rows": self.unseen_rows,
            "notes": [note.to_dict() for note in self.notes],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], recipe: Recipe) -> DataCurve:
        """Rebuild a curve from `to_dict` and the recipe, which that leaves out."""

        def number_of(value: float | None) -> float:
            return math.nan if value is None else float(value)

        sizes = [
            Size(
                each["rows"],
                {name: tuple(map(number_of, values)) for name, values in each["scores"].items()},
                tuple(each["errors"]),
            )
            for each in data["sizes"]
        ]
        forecasts = [
            Forecast(each["rows"], Score(**each["error"]), Score(**each["gain"]))
            for each in data["forecasts"]
        ]
        return cls(
            name=data["name"],
            recipe=recipe,
            metric=data["metric"],
            sizes=tuple(sizes),
            law=PowerLaw(**data["law"]),
            forecasts=tuple(forecasts),
            backtest=(number_of(data["backtest"]["said"]), number_of(data["backtest"]["measured"])),
            unseen=data["unseen"],
            unseen_rows=data["unseen_rows"],
            notes=tuple(map(Message.from_dict, data["notes"])),
        )

    def plot(self, *, ax: Axes | None = None, language: str = "en") -> Axes:
        """Draw the error against the rows, the law, and what it says of more rows."""
        from goodfit.plots.rows_curve import rows_curve

        return rows_curve(
            [(size.rows, size.errors) for size in self.sizes],
            self.law,
            self.forecasts,
            _error_name(self.metric, language),
            ax=ax,
            language=language,
        )

    def report(self, path: str | Path, *, language: str = "en") -> Path:
        """Write it as one self-contained HTML file, and return its path."""
        from goodfit.files import write_atomically

        path = Path(path)
        write_atomically(path, self.to_html(language))
        return path

    def to_html(self, language: str = "en") -> str:
        """Return it as one self-contained page."""
        from goodfit.report.page import render_page

        return render_page(
            say("data_curve.heading.page", language), self.name, self.blocks(language), language
        )

    def blocks(self, language: str = "en") -> list[Block]:
        """Return what came out, and what was measured, as parts of a page."""
        from goodfit.report.page import Block, figure_of

        title, caption = (say(f"data_curve.figure.{part}", language) for part in ("title", "caption"))
        figure = figure_of(self.plot(language=language), title, caption, "rows")
        return [
            Block(say("data_curve.heading.verdict", language), self.sentences(language), figure),
            Block(say("data_curve.heading.sizes", language), rows=self.table(language)),
        ]

    def __repr__(self) -> str:
        twice = self.forecasts[0]
        now = number(float(np.mean(self.sizes[-1].errors)))
        return (
            f"<DataCurve {self.name}: {self.metric} {now} from {self.sizes[-1].rows:,} rows, "
            f"{number(twice.error.value)} from twice as many>"
        )


def error_of(metric: str, value: float) -> float:
    """Return a score as an error: one minus what is better the higher it is."""
    return 1 - value if _turned(metric) else value


def _turned(metric: str) -> bool:
    return metric == "r2" or higher_is_better(metric)


def _error_name(metric: str, language: str) -> str:
    return f"1 - {_named(metric, language)}" if _turned(metric) else _named(metric, language)


def _mean_and_deviation(values: tuple[float, ...]) -> str:
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return "–"
    if len(known) == 1:
        return number(known[0])
    return f"{number(float(np.mean(known)))} ± {number(float(np.std(known, ddof=1)))}"


def _named(metric: str, language: str) -> str:
    code = f"evaluation.metric.{metric}"
    return say(code, language) if code in catalogue("en") else metric


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
