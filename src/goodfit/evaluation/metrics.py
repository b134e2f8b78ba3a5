"""The table of metrics: what each is called, what it needs, which way is better."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from goodfit.errors import InputError
from goodfit.evaluation import classification, regression
from goodfit.messages import catalogue

__all__ = ["METRICS", "Metric", "Needs", "higher_is_better", "measure", "metric", "resolve", "wrap"]

Array = NDArray[Any]
Needs = Literal["labels", "counts", "probabilities", "values"]
MetricTask = Literal["binary", "multiclass", "multilabel", "regression"]

_CLASSES: tuple[MetricTask, ...] = ("binary", "multiclass", "multilabel")
_LOWER_WORDS = (
    "loss",
    "error",
    "mse",
    "mae",
    "mape",
    "brier",
    "deviance",
    "entropy",
    "distance",
    "perplexity",
)


@dataclass(frozen=True)
class Metric:
    """A metric by scikit-learn's name. Call it with the true values and the network's predictions.

    Parameters
    ----------
    name
        What it is called in a Recipe, a History and an Evaluation.
    function
        What computes it from what it ``needs``; call the metric itself instead.
    needs
        ``labels``: the predicted classes; ``counts``: hits, true and predicted rows of each class;
        ``probabilities``; ``values``: predicted numbers.
    higher_is_better
        Whether larger values are better.
    tasks
        The tasks it is defined for.

    Examples
    --------
    >>> metric("accuracy")(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    0.6666666666666666
    """

    name: str
    function: Callable[..., Any]
    needs: Needs
    higher_is_better: bool
    tasks: tuple[MetricTask, ...]

    def __call__(self, target: Array, prediction: Array) -> float:
        """Return the metric over all rows; NaN where there are no rows or a prediction is NaN.

        Parameters
        ----------
        target
            Codes (N,) of classes, a 0/1 matrix (N, L) of several labels, or values (N,) or (N, T).
        prediction
            Probabilities (N, C), (N, L), or of the second class (N,) or (N, 1); or values like ``target``.
        """
        return measure((self,), target, prediction)[self.name]

    def label(self, language: str = "en") -> str:
        """Return the name to be shown; one's own metrics are shown by their name."""
        return catalogue(language).get(f"evaluation.metric.{self.name}", self.name)


def measure(metrics: Iterable[Metric], target: Array, prediction: Array) -> dict[str, float]:
    """Return several metrics of the same predictions by name, as `Metric` does one.

    Raises
    ------
    InputError
        One's own function raised an exception or did not return a number.
    """
    metrics = tuple(metrics)
    if not len(target) or not prediction.size or math.isnan(prediction.min()):
        return {item.name: math.nan for item in metrics}
    if any(item.needs != "values" for item in metrics):
        target = _codes(target)
    labels: Array | None = None
    scores: dict[str, float] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for item in metrics:
            if item.needs in ("values", "probabilities"):
                given: Any = prediction
            else:
                if labels is None:
                    labels = classification.labels_of(target, prediction)
                given = labels
            if item.needs == "counts":
                counted = classification.counts(target, labels, class_count(prediction))  # type: ignore[arg-type]
                scores[item.name] = float(item.function(counted))
            elif item.name in METRICS:
                scores[item.name] = item.function(target, given)
            else:
                scores[item.name] = _own(item, target, given)
    return scores


def class_count(probabilities: Array) -> int:
    """Return how many classes (or labels) the probabilities are of."""
    return 2 if probabilities.ndim == 1 else max(probabilities.shape[1], 2)


def _codes(target: Array) -> Array:
    return target if target.dtype.kind in "iu" or target.ndim == 2 else target.astype(np.int64)


def _own(item: Metric, target: Array, given: Array) -> float:
    try:
        return float(item.function(target, given))
    except Exception as error:
        raise InputError(
            "metric.own-failed", name=item.name, problem=f"{type(error).__name__}: {error}"
        ) from error


def _table(*metrics: Metric) -> Mapping[str, Metric]:
    return MappingProxyType({item.name: item for item in metrics})


METRICS: Mapping[str, Metric] = _table(
    Metric("accuracy", classification.accuracy, "labels", True, _CLASSES),
    Metric("balanced_accuracy", classification.balanced_accuracy, "counts", True, ("binary", "multiclass")),
    Metric("f1", classification.f1, "counts", True, _CLASSES),
    Metric("precision", classification.precision, "counts", True, _CLASSES),
    Metric("recall", classification.recall, "counts", True, _CLASSES),
    Metric("roc_auc", classification.roc_auc, "probabilities", True, _CLASSES),
    Metric("average_precision", classification.average_precision, "probabilities", True, _CLASSES),
    Metric("log_loss", classification.log_loss, "probabilities", False, _CLASSES),
    Metric("brier", classification.brier, "probabilities", False, ("binary", "multiclass")),
    Metric("rmse", regression.rmse, "values", False, ("regression",)),
    Metric("mse", regression.mse, "values", False, ("regression",)),
    Metric("mae", regression.mae, "values", False, ("regression",)),
    Metric("r2", regression.r2, "values", True, ("regression",)),
    Metric("median_absolute_error", regression.median_absolute_error, "values", False, ("regression",)),
    Metric("max_error", regression.max_error, "values", False, ("regression",)),
)


def metric(name: str) -> Metric:
    """Return the metric called ``name``.

    Raises
    ------
    InputError
        There is none; the sentence suggests the nearest name.
    """
    if name in METRICS:
        return METRICS[name]
    near = difflib.get_close_matches(name.lower(), METRICS, n=1, cutoff=0.5)
    if near:
        raise InputError("metric.unknown-near", name=name, nearest=near[0], known=sorted(METRICS))
    raise InputError("metric.unknown", name=name, known=sorted(METRICS))


def resolve(
    metrics: Literal["auto"] | Iterable[str | Metric | Callable[..., Any]], task: MetricTask
) -> tuple[Metric, ...]:
    """Return the metrics meant: by name, as they are, or one's own functions; each once.

    ``"auto"`` is accuracy for classes and RMSE for numbers.

    Raises
    ------
    InputError
        A name that does not exist, or a metric that is not defined for ``task``.
    """
    if metrics == "auto":
        return (METRICS["rmse" if task == "regression" else "accuracy"],)
    given: Iterable[Any] = (metrics,) if isinstance(metrics, (str, Metric)) or callable(metrics) else metrics
    found: dict[str, Metric] = {}
    for item in given:
        if isinstance(item, Metric):
            chosen = item
        else:
            chosen = metric(item) if isinstance(item, str) else wrap(item, task=task)
        if task not in chosen.tasks:
            fitting = [name for name, known in METRICS.items() if task in known.tasks]
            raise InputError("metric.wrong-task", name=chosen.name, task=task, fitting=fitting)
        found[chosen.name] = chosen
    return tuple(found.values())


def wrap(
    function: Callable[..., Any],
    *,
    task: MetricTask,
    name: str | None = None,
    higher_is_better: bool | None = None,
) -> Metric:
    """Make a metric of one's own function ``f(y_true, y_pred) -> float``.

    Parameters
    ----------
    function
        Gets the true and the predicted classes as integer codes, or the true and predicted values.
    task
        What is being learned.
    name
        By default the function's own.
    higher_is_better
        By default the function's attribute of that name, else what its name suggests (see
        `higher_is_better`).

    Raises
    ------
    InputError
        The name is that of a built-in metric.
    """
    name = name or str(getattr(function, "__name__", type(function).__name__))
    if name in METRICS:
        raise InputError("metric.name-taken", name=name)
    if higher_is_better is None:
        higher_is_better = getattr(function, "higher_is_better", None)
    if higher_is_better is None:
        higher_is_better = _by_words(name)
    needs: Needs = "values" if task == "regression" else "labels"
    return Metric(name, function, needs, higher_is_better, (task,))


def higher_is_better(name: str) -> bool:
    """Say whether larger values of the metric ``name`` are better.

    Of unknown names, those with a word such as *loss* or *error* in them are better when smaller.

    Examples
    --------
    >>> higher_is_better("r2"), higher_is_better("my_error")
    (True, False)
    """
    return METRICS[name].higher_is_better if name in METRICS else _by_words(name)


def _by_words(name: str) -> bool:
    return not any(word in name.lower() for word in _LOWER_WORDS)
