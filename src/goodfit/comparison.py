"""Comparison: runs side by side, and whether they differ by more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from goodfit.evaluation.scores import Score, Verdict
from goodfit.evaluation.text import align, number
from goodfit.messages import Message, catalogue, say
from goodfit.observations import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Comparison", "Difference"]

LEVEL = 0.05
"""p-values below it tell a difference; with several runs beside the first they are corrected (Holm)."""
ROUNDING = 1e-6
"""Scores that differ by less differ in how numbers were rounded."""


@dataclass(frozen=True)
class Difference:
    """A run compared with the first one, by one test.

    Parameters
    ----------
    run
        Its place among the runs, counted from 0.
    metric
        What is compared.
    test
        ``rows``: the same rows resampled together; ``mcnemar``: which rows are right; ``seeds``, ``folds``:
        the scores of trainings with the same seed, on the same fold.
    difference
        Positive where the run is better than the first. For ``mcnemar`` the share of rows, no interval.
    p
        Two-sided; corrected for as many comparisons as there are runs beside the first.
    pairs
        Rows, seeds or folds.
    """

    run: int
    metric: str
    test: Literal["rows", "mcnemar", "seeds", "folds"]
    difference: Score
    p: float
    pairs: int

    @property
    def verdict(self) -> Verdict:
        """What this test says of the run."""
        if math.isnan(self.p) or self.p >= LEVEL:
            return "no different"
        return "better" if self.difference.value > 0 else "worse"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs side by side on rows that none of them has learned from.

    Parameters
    ----------
    names
        What the runs are called.
    rows
        The rows that all are compared on.
    unseen
        ``test``: their test rows; ``folds``: all rows, each predicted by a training that left it out.
    main_metric
        What decides.
    scores
        By metric, the score of each run.
    differences
        Of every run but the first, against the first.
    recipes
        The recipe fields that differ, each with every run's value as it is written in TOML.
    histories
        The learning curves of each run: its own, then those of its other seeds or folds.
    curve
        The metric whose curves can be compared, ``loss`` for the loss; None where there is none.
    notes
        What the comparison cannot say.
    """

    names: tuple[str, ...]
    rows: int
    unseen: Literal["test", "folds"]
    main_metric: str
    scores: Mapping[str, tuple[Score, ...]]
    differences: tuple[Difference, ...]
    recipes: Mapping[str, tuple[str, ...]]
    histories: tuple[tuple[History, ...], ...]
    curve: str | None = "loss"
    notes: tuple[Message, ...] = ()

    def verdict(self, run: int = 1) -> Verdict:
        """Return whether a run is better than the first, by the main metric.

        The same rows have to say so; where both were trained with several seeds, these too.
        """
        said = [
            one.verdict
            for one in self.differences
            if one.run == run and one.metric == self.main_metric and one.test != "mcnemar"
        ]
        return said[0] if said and len(set(said)) == 1 else "no different"

    def sentences(self, language: str = "en") -> list[str]:
        """Return what came out, a sentence for each run beside the first, and the notes."""
        told = []
        for run in range(1, len(self.names)):
            (by_rows,) = (
                one
                for one in self.differences
                if one.run == run and one.metric == self.main_metric and one.test == "rows"
            )
            values = {
                "first": self.names[0],
                "second": self.names[run],
                "metric": _named(self.main_metric, language),
                "ours": number(self.scores[self.main_metric][0].value),
                "theirs": number(self.scores[self.main_metric][run].value),
                "rows": f"{self.rows:,}",
            }
            verdict = self.verdict(run).replace(" ", "-")
            if verdict == "no-different" and by_rows.verdict != "no different":
                told.append(say("comparison.verdict.only-rows", language, **values))
                continue
            low, high = by_rows.difference.low, by_rows.difference.high
            if max(abs(low), abs(high)) < ROUNDING:
                told.append(say("comparison.verdict.same", language, **values))
                continue
            ends = (-high, -low) if verdict == "worse" else (low, high)
            values |= {"low": number(ends[0]), "high": number(ends[1])}
            told.append(say(f"comparison.verdict.{verdict}", language, **values))
        return [*told, *(note.text(language) for note in self.notes)]

    def score_table(self, language: str = "en") -> list[list[str]]:
        """Return a row for each metric, the names of the columns first."""
        rows = [[say("comparison.table.metric", language), *self.names]]
        for metric, scores in self.scores.items():
            rows.append([_named(metric, language), *map(_with_interval, scores)])
        return rows

    def difference_table(self, language: str = "en") -> list[list[str]]:
        """Return a row for each test, the names of the columns first."""
        heads = ("run", "test", "metric", "difference", "p", "pairs")
        rows = [[say(f"comparison.table.{head}", language) for head in heads]]
        for one in self.differences:
            test = say(f"comparison.test.{one.test}", language)
            p = "–" if math.isnan(one.p) else "<0.001" if one.p < 0.001 else f"{one.p:.3f}"
            metric = _named(one.metric, language)
            told = [self.names[one.run], test, metric, _with_interval(one.difference), p]
            rows.append([*told, f"{one.pairs:,}"])
        return rows

    def recipe_table(self, language: str = "en") -> list[list[str]]:
        """Return a row for each recipe field that differs, the names of the columns first."""
        heads = [say("comparison.table.field", language), *self.names]
        return [heads, *([name, *values] for name, values in self.recipes.items())]

    def to_text(self, language: str = "en") -> str:
        """Return it for a terminal."""
        rows = {"count": self.rows, "unseen": say(f"comparison.unseen.{self.unseen}", language)}
        scores, differences = self.score_table(language), self.difference_table(language)
        parts = [
            "\n".join(self.sentences(language)),
            say("comparison.heading.scores", language, **rows),
            align(scores, range(1, len(scores[0])), language),
            say("comparison.heading.differences", language, first=self.names[0]),
            align(differences, (3, 4, 5), language),
            say("comparison.heading.recipes", language),
        ]
        if self.recipes:
            return "\n\n".join([*parts, align(self.recipe_table(language))])
        return "\n\n".join([*parts, say("comparison.same-recipe", language)])

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON; NaN is None."""
        verdicts = [self.verdict(run) for run in range(1, len(self.names))]
        plain: dict[str, Any] = _plain(
            {
                "runs": self.names,
                "rows": self.rows,
                "unseen": self.unseen,
                "main_metric": self.main_metric,
                "verdicts": verdicts,
                "scores": {name: [asdict(one) for one in scores] for name, scores in self.scores.items()},
                "differences": [{**asdict(one), "verdict": one.verdict} for one in self.differences],
                "recipes": self.recipes,
            }
        )
        return {**plain, "notes": [note.to_dict() for note in self.notes]}

    def plot(self, *, ax: Axes | None = None, language: str = "en") -> Axes:
        """Draw the validation curves of the runs, with their range where there are several seeds."""
        from goodfit.plots.compared import compared_curves

        return compared_curves(self.names, self.histories, self.curve or "loss", ax=ax, language=language)

    def report(self, path: str | Path, *, language: str = "en") -> Path:
        """Write it as one self-contained HTML file, and return its path."""
        from goodfit.comparison_report import comparison_page
        from goodfit.files import write_atomically

        path = Path(path)
        write_atomically(path, comparison_page(self, language))
        return path

    def __repr__(self) -> str:
        said = ", ".join(f"{name} {self.verdict(run)}" for run, name in enumerate(self.names[1:], start=1))
        return f"<Comparison on {self.rows:,} rows with {self.names[0]}: {said}>"


def _with_interval(score: Score) -> str:
    if math.isnan(score.low):
        return number(score.value)
    return f"{number(score.value)} [{number(score.low)}, {number(score.high)}]"


def _named(metric: str, language: str) -> str:
    code = f"evaluation.metric.{metric}"
    return say(code, language) if code in catalogue("en") else metric


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
