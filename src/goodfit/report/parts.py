"""What a report is made from: the parts of a Run, any of which may be missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from goodfit.evaluation.scores import Evaluation
from goodfit.explanation.importance import Importance
from goodfit.finding import Finding
from goodfit.messages import Message
from goodfit.observations import History
from goodfit.recipe import Recipe
from goodfit.repeats import Repeats

if TYPE_CHECKING:
    from goodfit.data.analysis.results import TableAnalysis
    from goodfit.data.table import Profile, Source, Split
    from goodfit.report.page import Block

__all__ = ["ReportParts"]


@dataclass(frozen=True, eq=False)
class ReportParts:
    """The parts of a Run that a report tells of; None or empty where there is none.

    Parameters
    ----------
    name
        The report's heading.
    recipe, history, findings, evaluation, importance, repeats, source, profile, split
        As the run has them; own networks have no source, profile or split.
    task
        What is learned; by default what the evaluation or the profile says.
    preparation
        Column, kind and what was done with it; a column may come more than once.
    notes
        What the reader and the preparation noticed, beside the profile's and the split's own notes.
    untold
        What the diagnosis could not tell, and what it would need.
    network
        Lines of the network's summary.
    parameters
        How many numbers the network has learned.
    more_rows
        What more rows would bring, as parts of a page in the language that it is given.
    predict_command, predict_python, explain_command, data_curve_command
        How to predict with this very run, to explain single rows, and to find out what more rows would bring;
        one or several lines each.
    analysis
        What a close look at the table found.
    environment
        Names and values: versions, device, platform.
    seconds
        How long the training took.
    created
        When the run was made, as it should be read.
    """

    name: str
    recipe: Recipe | None = None
    history: History | None = None
    findings: Sequence[Finding] = ()
    evaluation: Evaluation | None = None
    importance: Importance | None = None
    task: str | None = None
    repeats: Repeats | None = None
    more_rows: Callable[[str], Sequence[Block]] | None = None
    source: Source | None = None
    profile: Profile | None = None
    split: Split | None = None
    preparation: Sequence[tuple[str, str, Message]] = ()
    notes: Sequence[Message] = ()
    untold: Sequence[Message] = ()
    network: Sequence[str] = ()
    parameters: int | None = None
    predict_command: str = ""
    predict_python: str = ""
    explain_command: str = ""
    data_curve_command: str = ""
    analysis: TableAnalysis | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    created: str = ""

    @property
    def worst_first(self) -> list[Finding]:
        """The findings, the most severe and then the surest first."""
        rank = {"error": 0, "warning": 1, "info": 2}
        return sorted(self.findings, key=lambda finding: (rank[finding.severity], -finding.confidence))

    @property
    def known_task(self) -> str | None:
        """What is learned, from whichever part knows it."""
        for part in (self.evaluation, self.profile):
            if self.task is None and part is not None:
                return part.task
        return self.task
