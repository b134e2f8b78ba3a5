"""A TableAnalysis in words and small figures, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from goodfit.messages import percentage, say, thousands

if TYPE_CHECKING:
    from goodfit.data.analysis.results import ColumnAnalysis, Drift, Histogram, TableAnalysis

__all__ = [
    "analysis_text",
    "association_words",
    "bars",
    "drift_words",
    "notes_shown",
    "remarks_shown",
    "values_text",
]

BLOCKS = " ▁▂▃▄▅▆▇█"
NAME_WIDTH = 24
FIGURE_WIDTH = 16
BAR_WIDTH = 30
CLASSES_SHOWN = 12
REMARKS_SHOWN = 40
ASSOCIATIONS_SHOWN = 10
PATTERNS_SHOWN = 6
DRIFTED_SHOWN = 12
LEVELS_SHOWN = 3
COLUMNS_SHOWN = 200
SKEWED = 1.0
APART = 0.6
"""Area under the ROC curve from whose lower end on two tables count as different."""


def analysis_text(analysis: TableAnalysis, language: str = "en", width: int = 100) -> str:
    """Return the analysis as `goodfit profile` prints it."""
    count = len(analysis.columns) + len(analysis.targets)
    head = [say("profile.table", language, source=analysis.source, rows=analysis.rows, count=count)]
    sections = [
        head,
        _target(analysis, language, width),
        _remarks(analysis, language, width),
        _columns(analysis, language, width),
        _associations(analysis, language),
        _missing(analysis, language, width),
        [] if analysis.drift is None else _drift(analysis.drift, language, width),
        _notes(analysis, language, width),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def bars(histogram: Histogram, width: int = FIGURE_WIDTH) -> str:
    """Return a histogram as blocks, neighbouring intervals put together.

    >>> from goodfit.data.analysis.results import Histogram
    >>> bars(Histogram((0.0, 1.0, 2.0, 3.0, 4.0), (1, 4, 8, 0)), 4)
    '▁▄█ '
    """
    counts = list(histogram.counts)
    step = -(-len(counts) // width)
    sums = [sum(counts[place : place + step]) for place in range(0, len(counts), step)]
    top = max(sums) or 1
    return "".join(BLOCKS[-(-8 * value // top)] for value in sums)


def values_text(analysis: ColumnAnalysis, rows: int, language: str = "en") -> str:
    """Return a column's values in a few words."""
    parts = []
    known = max(1, rows - analysis.column.missing)
    if analysis.quantiles and analysis.column.kind == "number":
        facts = analysis.column.facts
        ends = {"low": _number(facts.get("minimum")), "high": _number(facts.get("maximum"))}
        parts.append(
            say("profile.column.quantiles", language, **ends, median=_number(analysis.quantiles["50"]))
        )
        skew = facts.get("skew")
        if skew is not None and abs(skew) >= SKEWED and analysis.column.distinct > 2:
            side = "right" if skew > 0 else "left"
            parts.append(say(f"profile.column.skewed-{side}", language, skew=f"{skew:.1f}"))
    elif analysis.levels:
        shown = [
            f"{_cut(name, 18)} {percentage(count / known, language)}"
            for name, count in analysis.levels[:LEVELS_SHOWN]
        ]
        more = len(analysis.levels) > LEVELS_SHOWN
        parts.append(", ".join(shown) + (", …" if more else ""))
        if analysis.rare_levels and analysis.column.distinct > analysis.rare_levels:
            share = percentage(analysis.rare_rows / known, language, 1)
            rare = {"count": analysis.rare_levels, "share": share}
            parts.append(say("profile.column.rare", language, **rare))
    elif analysis.histogram is not None:
        edges = analysis.histogram.edges
        parts.append(say("profile.column.span", language, first=edges[0], last=edges[-1]))
    else:
        parts.append(analysis.column.reason.text(language))
    return "; ".join(parts)


def remarks_shown(analysis: TableAnalysis, language: str = "en") -> list[str]:
    """Return the remarks in words, and at their end the rule by which values count as far out."""
    texts = [remark.text(language) for remark in analysis.remarks]
    if any(remark.code.startswith("profile.remark.outliers") for remark in analysis.remarks):
        texts.append(say("profile.remark.outlier-rule", language))
    return texts


def drift_words(drift: Drift, language: str = "en") -> list[str]:
    """Return what a drift comes to, a sentence or column each."""
    if drift.auc is None or drift.low is None or drift.high is None:
        lines = [say("profile.drift.too-few", language)]
    else:
        code = "same" if drift.low <= 0.5 else "slight" if drift.low < APART else "differ"
        values = {"auc": f"{drift.auc:.2f}", "low": f"{drift.low:.2f}", "high": f"{drift.high:.2f}"}
        lines = [say(f"profile.drift.{code}", language, **values)]
    lines += [note.text(language) for note in drift.notes]
    drifted = [column for column in drift.columns if column.drifted]
    if not drifted:
        return [*lines, say("profile.drift.no-column", language)]
    for column in drifted[:DRIFTED_SHOWN]:
        values = {
            "column": column.name,
            "distance": f"{column.distance:.2f}",
            "said": column.message.text(language),
        }
        lines.append(say("profile.drift.column", language, **values))
    lines += _more(len(drifted) - DRIFTED_SHOWN, language)
    return [*lines, say("profile.drift.distance-is", language)]


def _target(analysis: TableAnalysis, language: str, width: int) -> list[str]:
    if not analysis.targets or analysis.task_reason is None:
        return []
    names = ", ".join(column.name for column in analysis.targets)
    reason = analysis.task_reason.text(language)
    lines = [_heading("target", language)]
    lines += _wrapped(say("profile.target", language, target=names, reason=reason), width)
    if analysis.task == "regression":
        for column in analysis.targets:
            figure = "" if column.histogram is None else f"{bars(column.histogram, 24)}  "
            lines.append(f"  {figure}{values_text(column, analysis.rows, language)}")
        return lines
    classes = analysis.targets[0].column.facts.get("levels", [])
    lines += _class_lines(classes[:CLASSES_SHOWN], analysis.rows, language)
    lines += [f"  {line}" for line in _more(len(classes) - CLASSES_SHOWN, language)]
    share = f"{100 * classes[0][1] / analysis.rows:.1f}"
    return [*lines, "  " + say("profile.always", language, value=classes[0][0], percent=share)]


def _class_lines(classes: Sequence[Sequence[object]], rows: int, language: str) -> list[str]:
    pairs = [(_cut(str(name), NAME_WIDTH), int(str(count))) for name, count in classes]
    most = max(count for _, count in pairs)
    name_width, count_width = max(len(name) for name, _ in pairs), len(thousands(most))
    return [
        f"  {name:<{name_width}}  {thousands(count, language):>{count_width}}"
        f"  {percentage(count / rows, language, 1):>7}  "
        f"{'█' * max(1, round(BAR_WIDTH * count / most))}"
        for name, count in pairs
    ]


def _remarks(analysis: TableAnalysis, language: str, width: int) -> list[str]:
    texts = remarks_shown(analysis, language)
    lines = [_heading("remarks", language)]
    for text in texts[:REMARKS_SHOWN]:
        lines += _wrapped(text, width, "- ")
    lines += [f"  {line}" for line in _more(len(texts) - REMARKS_SHOWN, language)]
    return lines if texts else [*lines, "  " + say("profile.none", language)]


def _columns(analysis: TableAnalysis, language: str, width: int) -> list[str]:
    shown = analysis.columns[:COLUMNS_SHOWN]
    names = [_cut(column.name, NAME_WIDTH) for column in shown]
    kinds = [say(f"report.kind.{column.column.kind}", language) for column in shown]
    heads = {
        key: say(f"profile.column.{key}", language)
        for key in ("name", "kind", "missing", "association", "distribution", "values", "distinct")
    }
    name_width = max([*map(len, names), len(heads["name"])])
    kind_width = max([*map(len, kinds), len(heads["kind"])])
    tells = any(column.association is not None for column in shown)
    head = f"  {heads['name']:<{name_width}}  {heads['kind']:<{kind_width}}"
    head += f"  {heads['distinct']:>9}  {heads['missing']:>8}"
    head += f"  {heads['association']:>7}" if tells else ""
    lines = [_heading("columns", language), f"{head}  {heads['values']}".rstrip()]
    for column, name, kind in zip(shown, names, kinds, strict=True):
        gone = (
            percentage(column.column.missing / max(1, analysis.rows), language, 1)
            if column.column.missing
            else "-"
        )
        distinct = thousands(column.column.distinct, language)
        line = f"  {name:<{name_width}}  {kind:<{kind_width}}  {distinct:>9}  {gone:>8}"
        if tells:
            line += f"  {'-' if column.association is None else f'{column.association:.2f}':>7}"
        figure = "" if column.histogram is None else f"{bars(column.histogram)}  "
        room = max(20, width - len(line) - len(figure) - 2)
        line += f"  {figure}{_cut(values_text(column, analysis.rows, language), room)}"
        lines.append(line.rstrip())
    lines += [f"  {line}" for line in _more(len(analysis.columns) - COLUMNS_SHOWN, language)]
    return lines


def _associations(analysis: TableAnalysis, language: str) -> list[str]:
    known = [(column.name, column.association or 0.0) for column in analysis.columns]
    known = sorted((item for item in known if item[1] > 0.005), key=lambda item: -item[1])
    if not known:
        return []
    shown = known[:ASSOCIATIONS_SHOWN]
    name_width = max(len(_cut(name, NAME_WIDTH)) for name, _ in shown)
    lines = [_heading("associations", language)]
    for name, value in shown:
        bar = "█" * max(1, round(BAR_WIDTH * value))
        lines.append(f"  {_cut(name, NAME_WIDTH):<{name_width}}  {value:.2f}  {bar}")
    lines += [f"  {line}" for line in _more(len(known) - len(shown), language)]
    return [*lines, *(part for told in association_words(analysis, language) for part in _wrapped(told, 100))]


def association_words(analysis: TableAnalysis, language: str = "en") -> list[str]:
    """Return how it was measured what columns tell of the target."""
    texts = [column for column in analysis.columns if column.column.kind == "text"]
    words = [say("profile.column.association-is", language)]
    if any(column.association is not None for column in texts):
        words.append(say("profile.column.texts-tell", language))
    return words


def _missing(analysis: TableAnalysis, language: str, width: int) -> list[str]:
    lines = [_heading("missing", language)]
    if not analysis.patterns:
        return [*lines, "  " + say("profile.nothing-missing", language)]
    share = f"{100 * analysis.complete_rows / max(1, analysis.rows):.1f}"
    lines.append("  " + say("profile.complete", language, rows=analysis.complete_rows, percent=share))
    for pattern in analysis.patterns[:PATTERNS_SHOWN]:
        count = say("profile.pattern.rows", language, count=pattern.rows)
        lines += _wrapped(f"{count}: {', '.join(pattern.columns)}", width)
    return lines


def _drift(drift: Drift, language: str, width: int) -> list[str]:
    lines = [say("profile.heading.drift", language, source=drift.source).upper()]
    for text in drift_words(drift, language):
        lines += _wrapped(text, width, "- ")
    return lines


def notes_shown(analysis: TableAnalysis, language: str = "en") -> list[str]:
    """Return what was understood in reading, and which numbers are estimates, in words."""
    texts = [note.text(language) for note in analysis.notes]
    by_size: dict[int, list[str]] = {}
    for name, size in analysis.samples.items():
        by_size.setdefault(size, []).append(say(f"profile.sample.{name}", language))
    for size, what in by_size.items():
        texts.append(say("profile.used-samples", language, rows=size, what=what))
    if by_size:
        texts.append(say("profile.counted", language, rows=analysis.rows))
    return texts


def _notes(analysis: TableAnalysis, language: str, width: int) -> list[str]:
    texts = notes_shown(analysis, language)
    if not texts:
        return []
    lines = [_heading("notes", language)]
    for text in texts:
        lines += _wrapped(text, width, "- ")
    return lines


def _heading(name: str, language: str) -> str:
    return say(f"profile.heading.{name}", language).upper()


def _more(count: int, language: str) -> list[str]:
    return [say("profile.more", language, count=count)] if count > 0 else []


def _wrapped(text: str, width: int, sign: str = "") -> Iterable[str]:
    indent = "  " + " " * len(sign)
    return wrap(text, width, initial_indent=f"  {sign}", subsequent_indent=indent, break_long_words=False)


def _cut(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip("… ,") + "…"


def _number(value: object) -> str:
    if not isinstance(value, (int, float)):
        return "-"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"  # years have no comma
    return f"{value:.4g}"
