"""A Run as the parts of a report, and as a few lines for a notebook."""

from __future__ import annotations

import shlex
from html import escape
from typing import TYPE_CHECKING

from goodfit.report.parts import ReportParts

if TYPE_CHECKING:
    from goodfit.run import Run

__all__ = ["can_measure_more_rows", "report_html", "report_parts", "summary_html"]


def report_html(run: Run, language: str = "en") -> str:
    """Return the whole report of a run."""
    from goodfit.report.render import render_report

    return render_report(report_parts(run), language)


def report_parts(run: Run) -> ReportParts:
    """Return what a report is made of."""
    from goodfit.data.describing import describe
    from goodfit.diagnosis.diagnose import missing_evidence

    where = str(run.folder) if run.folder is not None else "RUN"
    quoted = shlex.quote(where)
    table = run.table
    own = run.recipe.model.startswith("function ")  # a network that only its builder can build again
    arguments = f"{where!r}, model=network" if own else repr(where)
    predict = f"import goodfit\n\nrun = goodfit.load({arguments})\nrun.predict(rows)"
    return ReportParts(
        name=run.name,
        recipe=run.recipe,
        history=run.history,
        findings=run.findings,
        evaluation=run.evaluation,
        importance=run.own_importance,
        repeats=run.repeats,
        task=run.observations.task,
        source=None if table is None else table.source,
        profile=None if table is None else table.profile,
        split=None if table is None else table.split,
        preparation=()
        if table is None
        else [(note.column, note.kind, note.message) for note in describe(table.preparation)],
        notes=(*run.notes, *(() if table is None else table.notes)),
        untold=missing_evidence(run.observations),
        network=str(run.model).splitlines(),
        parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        predict_command=""
        if table is None or own
        else f"goodfit predict {quoted} new.csv -o predictions.csv",
        predict_python=predict,
        analysis=None if table is None else table.analysis,
        more_rows=None if run.data_curve is None else run.data_curve.blocks,
        data_curve_command=f"goodfit data-curve {quoted}" if can_measure_more_rows(run) else "",
        explain_command="" if table is None else f"goodfit explain {quoted} new.csv --rows 0",
        environment=run.environment,
        seconds=float(run.history["seconds"][-1]) if len(run.history) and "seconds" in run.history else None,
        created=str(run.environment.get("created", "")).replace("T", " ")[:16],
    )


def can_measure_more_rows(run: Run) -> bool:
    """Say whether what more rows would bring is unknown, and can be found out from the run's folder."""
    known = run.table is None or run.table.source.path is None or run.data_curve is not None
    return run.folder is not None and not known


def summary_html(run: Run) -> str:
    """Return the learning curves, the scores and the findings, for a notebook."""
    from goodfit.plots.svg import to_svg

    findings = "".join(
        f"<li><b>{escape(finding.statement())}</b> {escape(finding.explanation())}</li>"
        for finding in run.findings
    )
    scores = run.evaluation._repr_html_() if run.evaluation is not None else ""
    figure = run.plot().get_figure(root=True)
    curves = to_svg(figure) if figure is not None else ""
    return f"<p>{escape(repr(run))}</p>{curves}<ul>{findings}</ul>{scores}"
