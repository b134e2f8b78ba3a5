"""What the terminal says of a search: what it tried, what it found, how sure that is."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

from goodfit.evaluation.text import align, number, wrapped
from goodfit.improvement.evidence import Finalist
from goodfit.improvement.space import Choices, Dimension, label
from goodfit.messages import percentage, say
from goodfit.recipe import Recipe
from goodfit.workflow.progress import duration, sparkline

if TYPE_CHECKING:
    from goodfit.improvement.tuning import Tuning

__all__ = ["conclusion", "decided", "finalist_rows", "searched", "tell_tuning", "tried", "value_at"]

CURVE = 40
BAR = 20
SAYS_NOTHING = ("seed", "split_seed", "device", "monitor", "loss", "batch_size", "model")
"""Fields that are decided by the data and say nothing of what was found, unless they were searched."""


def tell_tuning(tuning: Tuning, language: str = "en", width: int = 100) -> str:
    """Return the whole account of a search, for a terminal of that width."""
    sections = [
        _search(tuning, language),
        _importance(tuning, language),
        _finals(tuning, language),
        _recipe(tuning, language),
        _test(tuning, language),
        _next(tuning, language),
    ]
    return "\n\n".join(wrapped(section, width) for section in sections if section)


def tried(tuning: Tuning, language: str = "en") -> list[str]:
    """Return how many recipes were tried, what became of them, and what ended the search, as sentences."""
    states = [trial.state for trial in tuning.trials]
    count, time = len(states), duration(tuning.seconds)
    found = [say("tuning.tried", language, count=count, time=time, monitor=tuning.monitor)]
    for state in ("finished", "dropped", "cut", "failed"):
        if state in states:
            found.append(say(f"tuning.state.{state}", language, count=states.count(state)))
    return [*found, say(f"tuning.ended.{tuning.ended_by}", language)]


def searched(tuning: Tuning, language: str = "en") -> list[tuple[str, str]]:
    """Return each searched name and what it could be, in words."""
    return [(name, _described(dimension, language)) for name, dimension in tuning.space.dimensions.items()]


def decided(tuning: Tuning) -> list[tuple[str, str]]:
    """Return what the best recipe has where it was searched or differs from the defaults."""
    names = dict.fromkeys(tuning.space.dimensions)
    whole = {name.partition(".")[0] for name in names}
    if tuning.recipe.model != tuning.space.base.model:  # what is trained without a search
        names = {"model": None, **{name: None for name in names if name in tuning.recipe.changes()}}
    changed = [name for name in tuning.recipe.changes() if name not in (*SAYS_NOTHING, *whole)]
    return [(name, _short(value_at(tuning.recipe, name))) for name in (*names, *changed)]


def value_at(recipe: Recipe, name: str) -> Any:
    """Return a recipe's value for a field, or for ``field.option``.

    >>> value_at(Recipe(optimizer_options={"eps": 1e-7}), "optimizer_options.eps")
    1e-07
    """
    field, _, option = name.partition(".")
    value = getattr(recipe, field)
    return value.get(option) if option else value


def conclusion(tuning: Tuning, language: str = "en") -> list[str]:
    """Return what may be believed of the best recipe, as sentences."""
    if not tuning.finalists:
        return [say("tuning.conclusion.no-finals", language)]
    chosen = tuning.finalists[0]
    found = [_against_the_unsearched(tuning, language)]
    rival = next((each for each in tuning.finalists[1:] if each.trial is not None), None)
    if rival is not None and chosen.trial is not None:
        code = "surely-first" if _clear(rival) else "perhaps-first"
        share = percentage(chosen.chance, language)
        found.append(say(f"tuning.conclusion.{code}", language, share=share))
    best = tuning.best
    if chosen.mean < best.value if tuning.higher else chosen.mean > best.value:
        values = {"monitor": tuning.monitor, "best": number(best.value), "mean": number(chosen.mean)}
        found.append(say("tuning.conclusion.flattering", language, count=len(tuning.trials), **values))
    return found


def finalist_rows(tuning: Tuning, language: str = "en") -> list[list[str]]:
    """Return the table of the finals, its head first."""
    words = ("recipe", "mean", "spread", "behind", "chance")
    rows = [[say(f"tuning.column.{word}", language, monitor=tuning.monitor) for word in words]]
    for finalist in tuning.finalists:
        behind = finalist.behind
        rows.append(
            [
                _named(finalist, tuning, language),
                number(finalist.mean),
                f"{number(min(finalist.values))} – {number(max(finalist.values))}",
                ""
                if behind is None
                else f"{number(behind.value)} [{number(behind.low)}, {number(behind.high)}]",
                "" if math.isnan(finalist.chance) else percentage(finalist.chance, language),
            ]
        )
    return rows


def _described(dimension: Dimension, language: str) -> str:
    if isinstance(dimension, Choices):
        return " | ".join(label(option) for option in dimension.options)
    code = "log" if dimension.log else "plain" if dimension.step is None else "steps"
    values = {"low": f"{dimension.low:g}", "high": f"{dimension.high:g}"}
    if code == "steps":
        values["step"] = f"{dimension.step:g}"
    return say(f"tuning.range.{code}", language, **values)


def _search(tuning: Tuning, language: str) -> list[str]:
    lines = [_heading("search", language)]
    first, *states = tried(tuning, language)
    lines += [f"  {first}", *(f"    - {state}" for state in states[:-1]), f"  {states[-1]}"]
    sampler = say(f"tuning.sampler.{tuning.sampler}", language)
    lines.append("  " + say("tuning.searched", language, sampler=sampler))
    lines += _two_columns(searched(tuning, language))
    course = tuning.best_so_far()
    values = course["value"].tolist()
    curve = sparkline(_over_time(course["seconds"].tolist(), values), CURVE)
    words = say("tuning.best-so-far", language, monitor=tuning.monitor)
    lines.append(f"  {words}  {curve}  {number(values[0])} → {number(values[-1])}")
    return [*lines, *(f"  {note.text(language)}" for note in tuning.notes)]


def _over_time(seconds: list[float], values: list[float]) -> list[float]:
    """Return the best value at so many moments, equally far apart."""
    first, last = seconds[0], seconds[-1]
    moments = [first + (last - first) * place / (CURVE - 1) for place in range(CURVE)]
    return [values[max(0, sum(second <= moment for second in seconds) - 1)] for moment in moments]


def _importance(tuning: Tuning, language: str) -> list[str]:
    if not tuning.importance:
        return []
    widest = max(len(name) for name in tuning.importance)
    lines = [_heading("importance", language)]
    for name, share in tuning.importance.items():
        bar = "█" * round(BAR * share)
        lines.append(f"    {name.ljust(widest)}   {percentage(share, language).rjust(5)}   {bar}")
    return [*lines, "  " + say("tuning.importance-is", language)]


def _finals(tuning: Tuning, language: str) -> list[str]:
    lines = [_heading("finals", language)]
    if tuning.finalists:
        count = len(tuning.finalists[0].values)
        lines.append("  " + say("tuning.finals-are", language, count=count))
        rows = finalist_rows(tuning, language)
        lines += [f"    {line}" for line in align(rows, range(1, 5), language).splitlines()]
    return [*lines, *(f"  {sentence}" for sentence in conclusion(tuning, language))]


def _recipe(tuning: Tuning, language: str) -> list[str]:
    return [_heading("recipe", language), *_two_columns(decided(tuning))]


def _test(tuning: Tuning, language: str) -> list[str]:
    if tuning.run.evaluation is None:
        return []
    text = tuning.run.evaluation.to_text(language)
    return [_heading("test", language), *(f"  {line}" if line else "" for line in text.splitlines())]


def _next(tuning: Tuning, language: str) -> list[str]:
    if tuning.folder is None:
        return []
    lines = [_heading("next", language)]
    lines.append("  " + say("tuning.next.report", language, report=str(tuning.folder / "report.html")))
    if tuning.command:
        lines.append("  " + say("tuning.next.train", language, command=tuning.command))
    if tuning.run.table is not None:
        best = shlex.quote(str(tuning.folder / "best"))
        lines.append("  " + say("tuning.next.predict", language, folder=best))
    return [*lines, "  " + say("tuning.next.resume", language, folder=shlex.quote(str(tuning.folder)))]


def _against_the_unsearched(tuning: Tuning, language: str) -> str:
    if tuning.finalists[0].trial is None:
        return say("tuning.conclusion.not-better", language)
    begun = next((each for each in tuning.finalists if each.trial is None), None)
    if begun is None:
        return say("tuning.conclusion.unsearched-left-out", language)
    behind = begun.behind
    if behind is None or not math.isfinite(behind.low + behind.high):
        return say("tuning.conclusion.unsearched-failed", language)
    values = {"low": number(behind.low), "high": number(behind.high), "gain": number(behind.value)}
    code = "better" if _clear(begun) else "not-surely-better"
    return say(f"tuning.conclusion.{code}", language, monitor=tuning.monitor, **values)


def _clear(finalist: Finalist) -> bool:
    return finalist.behind is not None and finalist.behind.low > 0


def _named(finalist: Finalist, tuning: Tuning, language: str) -> str:
    if finalist.trial is None:
        other = finalist.recipe.model != tuning.space.base.model
        return say("tuning.unsearched", language) + (f" ({finalist.recipe.model})" if other else "")
    return say("tuning.trial", language, number=finalist.trial)


def _heading(code: str, language: str) -> str:
    return say(f"tuning.heading.{code}", language).upper()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else label(value)


def _two_columns(rows: list[tuple[str, str]]) -> list[str]:
    widest = max(len(name) for name, _ in rows)
    return [f"    {name.ljust(widest)}   {words}" for name, words in rows]
