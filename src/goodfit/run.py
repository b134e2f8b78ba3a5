"""Run: the parts of a finished training tied together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodfit.errors import InputError
from goodfit.finding import Finding
from goodfit.messages import Message
from goodfit.observations import History, Observations
from goodfit.recipe import Recipe

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from torch import nn

    from goodfit.data.facts import TableFacts, TypedRows
    from goodfit.data.table import Table
    from goodfit.evaluation.baselines import Predictor
    from goodfit.evaluation.calibration import Calibration
    from goodfit.evaluation.scores import Evaluation
    from goodfit.evaluation.threshold import Threshold
    from goodfit.explanation.importance import Importance
    from goodfit.explanation.rows import Explanation
    from goodfit.models.ensemble import Ensemble
    from goodfit.repeats import Repeats
    from goodfit.rows_curve import DataCurve
    from goodfit.training.losses import Loss

__all__ = ["Run"]


@dataclass(frozen=True, eq=False)
class Run:
    """A finished training: the network with its best weights, and all that is known of how it came about.

    Parameters
    ----------
    name
        What it is called in reports: the data's name.
    recipe
        Every decision, none of them ``"auto"`` any more.
    history
        The curves, what ended the training, and the epoch whose weights are kept.
    findings
        What the diagnosis says, the most severe first.
    model
        The network, in evaluation mode, with the best epoch's weights.
    evaluation
        How good it is on rows that training never saw; None where there were none.
    observations
        What the diagnosis looked at.
    loss
        What was minimised; it turns the network's outputs into predictions.
    network
        Inputs, levels and outputs by which a named network is built; None for a network of one's own.
    table
        What is known of the table it was trained on; None for one's own tensors and loaders.
    baselines
        The prior and the linear model, by name, for evaluations to come.
    environment
        Versions and machine.
    notes
        What was noticed beside the table.
    folder
        Where it was saved to or loaded from.
    calibration
        The temperature of a table's probabilities, and what it does to the validation rows.
    threshold
        From which probability on the second of two classes is predicted; None: one half.
    held_out
        Some validation rows of the table, where the run was trained here; `importance` is measured on them.
    saved_importance
        What `importance` returns, where the run was loaded.
    repeats
        The same recipe trained with other seeds or on folds, see `goodfit.train`; None for a single training.
    test_predictions
        What is said of each test row beside what is true of it, in the rows' order: ``row`` (counted from 0
        in the data), ``truth``, ``prediction`` and for classes ``p_<class>``; None where there are none.
    data_curve
        What more rows would bring, where `goodfit.data_curve` has found out.
    """

    name: str
    recipe: Recipe
    history: History
    findings: tuple[Finding, ...]
    model: nn.Module
    loss: Loss
    observations: Observations
    network: Mapping[str, Any] | None = None
    evaluation: Evaluation | None = None
    table: TableFacts | None = None
    baselines: Mapping[str, Predictor] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()
    folder: Path | None = None
    calibration: Calibration | None = None
    threshold: Threshold | None = None
    held_out: TypedRows | None = None
    saved_importance: Importance | None = None
    repeats: Repeats | None = None
    test_predictions: pl.DataFrame | None = None
    data_curve: DataCurve | None = None

    def predict(self, data: Any, *, logits: bool = False, disagreement: bool = False) -> Any:
        """Return predictions for the rows of ``data``, in their order.

        Parameters
        ----------
        data
            A path, a pandas or polars frame, a dict of columns or an array, with the columns that the network
            was trained on; for a network of one's own, its inputs: an array, a tensor, a tuple or a dict.
        logits
            Return the network's raw outputs in place of probabilities or values.
        disagreement
            Of an ensemble: say also how far its members disagree about each row.

        Returns
        -------
        frame or array
            For tables a frame of the kind that was given (polars for a path): ``prediction``, and for
            classes ``p_<class>`` in sorted order; with ``disagreement`` a column of that name: the standard
            deviation over the members of the predicted class's probability, or of the value (one a target).
            For a network of one's own an array, rows in dimension 0; with ``disagreement`` also one of the
            same shape, the standard deviation over the members.

        Raises
        ------
        InputError
            A column is missing or cannot be read, one's own network cannot take the inputs, or the
            disagreement of a single network is asked for.
        """
        from goodfit.predicting import as_inputs, disagreement_of_outputs, predict_own

        if self.table is None:
            found = predict_own(self.model, self.loss, data, logits=logits)
            if not disagreement:
                return found
            return found, disagreement_of_outputs(self._ensemble(), self.loss, as_inputs(data))
        frame, _ = self.predict_table(data, logits=logits, disagreement=disagreement)
        return frame

    def predict_table(
        self, data: Any, *, logits: bool = False, disagreement: bool = False, **reading: Any
    ) -> tuple[Any, tuple[Message, ...]]:
        """Return `predict`'s frame, and what was noticed about the data on the way."""
        from goodfit.data.applying import apply_preparation
        from goodfit.data.casting import cast
        from goodfit.data.facts import network_inputs
        from goodfit.predicting import disagreement_columns, predict_rows, prediction_frame

        facts = self.table_facts()
        members = self._ensemble() if disagreement else None
        table = self.read_table(data, reading)
        typed = cast(table, facts.profile, target=False)
        prepared = apply_preparation(facts.preparation, typed.frame, table.source.name)
        rows = predict_rows(self.model, self.loss, network_inputs(prepared), logits=logits)
        frame: Any = prediction_frame(
            rows, facts, logits=logits, threshold=None if self.threshold is None else self.threshold.value
        )
        if members is not None:
            frame = frame.hstack(disagreement_columns(members, self.loss, network_inputs(prepared), facts))
        if table.source.container == "pandas":
            import pandas as pd

            inputs = data[0] if isinstance(data, (tuple, list)) else data
            columns = {name: frame[name].to_list() for name in frame.columns}
            frame = pd.DataFrame(columns, index=inputs.index)
        return frame, (*table.notes, *typed.notes, *prepared.notes)

    def evaluate(self, data: Any) -> Evaluation:
        """Return how good the predictions are on the rows of ``data``, which must have the target.

        Raises
        ------
        InputError
            A column is missing or cannot be read, or no row has a target.
        """
        return self.evaluate_table(data)[0]

    def evaluate_table(self, data: Any, **reading: Any) -> tuple[Evaluation, tuple[Message, ...]]:
        """Return `evaluate`'s Evaluation, and what was noticed about the data on the way."""
        import numpy as np

        from goodfit.data.casting import cast
        from goodfit.data.facts import TypedRows, prepared_rows
        from goodfit.evaluation.metrics import METRICS
        from goodfit.judging import evaluate_rows

        facts = self.table_facts()
        table = self.read_table(data, reading)
        typed = cast(table, facts.profile)
        if not typed.frame.height:
            targets = ", ".join(facts.profile.targets)
            raise InputError("target.none-to-evaluate", file=table.source.name, column=targets)
        (inputs, target), noted = prepared_rows(facts.preparation, typed)
        named = () if self.recipe.metrics == "auto" else self.recipe.metrics
        evaluation = evaluate_rows(
            self.model,
            self.loss,
            inputs,
            target,
            table=facts,
            baselines=self.baselines,
            metrics=[name for name in named if name in METRICS],
            seed=self.recipe.seed,
            threshold=None if self.threshold is None else self.threshold.value,
            rows=TypedRows.of(typed, target.numpy(), np.arange(typed.frame.height)),
            linear=self.recipe.model == "linear",
        )
        return evaluation, (*table.notes, *typed.notes, *noted)

    def worst_rows(self, n: int = 10, data: Any = None) -> Any:
        """Return the rows that the network gets most wrong, the worst first.

        Parameters
        ----------
        n
            How many; at most 50 are known.
        data
            A table with the target; None for the test rows of the training.

        Returns
        -------
        frame
            ``row``, its number in the table as it was given, counted from 0 (of one's own tensors: among the
            test rows); ``actual`` and ``predicted``;
            ``loss``, the log loss of a class, or a number's error in standard deviations; then the row's
            values. A pandas frame for a table that was one, else polars.

        Raises
        ------
        InputError
            There were no test rows, or ``data`` cannot be read.
        """
        from goodfit.judging import worst_frame

        evaluation = self.evaluation if data is None else self.evaluate(data)
        if evaluation is None:
            raise InputError("run.no-test-rows", name=self.name)
        as_pandas = self.table is not None and self.table.source.container == "pandas"
        if data is not None:
            as_pandas = type(data).__module__.partition(".")[0] == "pandas"
        return worst_frame(evaluation.worst[:n], pandas=as_pandas)

    def importance(self, data: Any = None) -> Importance:
        """Return what each column is worth to the network, and how predictions go with the foremost ones.

        Parameters
        ----------
        data
            A table with the target; None for (at most 2,000 of) the validation rows of the training, for
            which the answer is saved with the run.

        Raises
        ------
        InputError
            The run was not trained on a table, there are fewer than 10 rows, or ``data`` cannot be read.

        Examples
        --------
        >>> import goodfit
        >>> from sklearn.datasets import load_iris
        >>> frame = load_iris(as_frame=True).frame
        >>> run = goodfit.train(frame, target="target", task="multiclass", learning_rate=0.01)
        >>> "petal" in run.importance().columns[0].name
        True
        """
        from goodfit.run_explaining import importance_on

        measured = self.own_importance if data is None else importance_on(self, data)
        if measured is None:
            raise InputError("explain.too-few-rows", name=self.name)
        return measured

    @cached_property
    def own_importance(self) -> Importance | None:
        """`importance` on the validation rows; None where they are not known, or fewer than 10."""
        from goodfit.run_explaining import importance_of_rows

        if self.saved_importance is not None or self.held_out is None or self.table is None:
            return self.saved_importance
        return importance_of_rows(self, self.held_out)

    def explain(
        self, data: Any, rows: Sequence[int] | None = None, *, target: str | None = None
    ) -> Explanation:
        """Return why single rows of ``data`` are predicted as they are: what each column's value did.

        Parameters
        ----------
        data
            A table, as for `predict`.
        rows
            Their numbers in ``data``, counted from 0; None for the first five.
        target
            Which of several targets; None for the first.

        Returns
        -------
        Explanation
            ``rows``, of each the ``attributions`` of its columns; ``to_text()``, ``to_dict()``.

        Raises
        ------
        InputError
            captum (the extra ``explain``) is not installed, the run was not trained on a table, there is no
            such row or target, or ``data`` cannot be read.
        """
        from goodfit.run_explaining import explain_table

        return explain_table(self, data, rows, target=target)[0]

    def plot(self, *, ax: Axes | None = None, language: str = "en") -> Axes:
        """Draw the learning curves with the best epoch, the findings and the range over seeds or folds."""
        from goodfit.plots.curves import learning_curves

        others = () if self.repeats is None else self.repeats.histories
        return learning_curves(self.history, self.findings, beside=others, ax=ax, language=language)

    def report(self, path: str | Path | None = None, *, language: str = "en") -> Path:
        """Write the report, one self-contained HTML file, and return its path.

        Without a path it goes into the run's folder.
        """
        from goodfit.files import write_atomically
        from goodfit.run_report import report_html

        if path is None:
            if self.folder is None:
                raise InputError("run.report-where")
            path = self.folder / "report.html"
        path = Path(path)
        write_atomically(path, report_html(self, language))
        return path

    def save(self, folder: str | Path, *, force: bool = False, language: str = "en") -> Path:
        """Write the run folder, in open formats only, and return its path.

        Raises
        ------
        InputError
            The folder exists and is not empty; ``force`` replaces it.
        MachineError
            The disk is full; what was there before is whole.
        """
        from goodfit.saving import save_run

        return save_run(self, Path(folder), force=force, language=language)

    def _ensemble(self) -> Ensemble:
        from goodfit.models.ensemble import Ensemble

        if not isinstance(self.model, Ensemble):
            raise InputError("population.no-ensemble", name=self.name)
        return self.model

    def table_facts(self) -> TableFacts:
        """Return what is known of the table trained on; refuse where there was none."""
        if self.table is None:
            raise InputError("run.not-a-table", name=self.name)
        return self.table

    def read_table(self, data: Any, reading: Mapping[str, Any] | None = None) -> Table:
        """Return another table read as the one trained on; categories as text, so that codes keep zeros."""
        from goodfit.data.read import read

        facts = self.table_facts()
        kinds = {
            column.name: column.kind for column in facts.profile.used if column.kind in ("category", "text")
        }
        said = {name: value for name, value in (reading or {}).items() if value is not None}
        return read(data, columns=kinds, **{**facts.reading, **said})

    def __repr__(self) -> str:
        score = ""
        if self.evaluation is not None and self.evaluation.main_metric in self.evaluation.metrics:
            name = self.evaluation.main_metric
            score = f", {name} {self.evaluation.metrics[name].value:.4g} on {self.evaluation.rows} rows"
        codes = ", ".join(finding.code for finding in self.findings) or "none"
        best = "" if self.history.best_epoch is None else f" (best {self.history.best_epoch:g})"
        epochs = f"{len(self.history)} epoch{'' if len(self.history) == 1 else 's'}{best}{score}"
        network = self.recipe.model.removeprefix("function ")
        return f"<Run {self.name}: {network}, {epochs}, findings: {codes}>"

    def _repr_html_(self) -> str:
        from goodfit.run_report import summary_html

        return summary_html(self)
