"""The scikit-learn face: GoodFitClassifier and GoodFitRegressor, whose parameters are the Recipe's fields."""

from __future__ import annotations

import copy
import inspect
import time
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from goodfit.data.facts import TableFacts
from goodfit.data.targets import decode_target
from goodfit.errors import InputError
from goodfit.messages import say
from goodfit.observations import History
from goodfit.predicting import outputs_of, predicted_codes
from goodfit.recipe import Recipe
from goodfit.run import Run
from goodfit.training.losses import to_predictions
from goodfit.training.randomness import seed_epoch, undisturbed
from goodfit.workflow.arrays import array_parts, prepared_inputs
from goodfit.workflow.bagging import Bag
from goodfit.workflow.choices import check_functions, completed, separate_functions
from goodfit.workflow.default_network import planned
from goodfit.workflow.finishing import finish
from goodfit.workflow.job import make_job
from goodfit.workflow.one_network import OneNetwork, run_loop
from goodfit.workflow.progress import Progress
from goodfit.workflow.time_left import training_ends
from goodfit.workflow.trained import train_planned
from goodfit.workflow.weighted import weighted

__all__ = ["GoodFitClassifier", "GoodFitRegressor"]


def _defaults() -> dict[str, Any]:
    """Return the parameters with their defaults: the Recipe's fields, and what scikit-learn's way adds.

    Defaults are immutable, as scikit-learn wants them: None stands for no options. No test rows are kept
    back, as ``score`` is given rows of its own.
    """
    fields = {name: field.default for name, field in Recipe.model_fields.items()}
    plain = {name: None if isinstance(default, dict) else default for name, default in fields.items()}
    return {**plain, "test_fraction": 0.0, "columns": None, "bag": None}


DEFAULTS = _defaults()


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What the classifier and the regressor share."""

    run_: Run

    def __init__(self, **parameters: Any) -> None:
        unknown = [name for name in parameters if name not in DEFAULTS]
        if unknown:
            raise TypeError(f"{type(self).__name__} has no parameter {unknown[0]!r}")
        for name, default in DEFAULTS.items():
            setattr(self, name, parameters.get(name, default))

    __init__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
                for name, default in DEFAULTS.items()
            ),
        ]
    )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __getattr__(self, name: str) -> Any:
        if name == "partial_fit":  # an AttributeError, so that whoever asks for it sees that it is not there
            raise AttributeError(say("errors.estimators.partial-fit", name=type(self).__name__))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def history_(self) -> History:
        """The curves of the training."""
        return self.run_.history

    @property
    def n_iter_(self) -> int:
        """Epochs trained."""
        return max(1, int(np.ceil(self.run_.history["epoch"][-1])))

    def _train(
        self, x: Any, y: NDArray[Any], sample_weight: ArrayLike | None, classes: list[Any], name: str
    ) -> None:
        begun = time.perf_counter()
        weights = None if sample_weight is None else _weights(sample_weight, len(y))
        if weights is not None and (weights == 0).any():
            kept = np.flatnonzero(weights)
            x, y, weights = _rows(x, kept), y[kept], weights[kept]
        fields = {key: _python(value) for key, value in self.get_params(deep=False).items()}
        columns, model = fields.pop("columns"), fields["model"]
        if isinstance(model, str):
            model = None
        else:
            fields["model"], model = "auto", copy.deepcopy(model)
        for key in fields.keys() & Recipe.model_fields.keys():
            if isinstance(Recipe.model_fields[key].default, dict):
                fields[key] = fields[key] or {}
        plain, functions = separate_functions(fields)
        left = {**Recipe().model_dump(), "bag": None}  # what says nothing
        recipe = Recipe(**{key: value for key, value in plain.items() if value != left[key]})
        if recipe.bag > 1 and weights is not None:
            raise InputError("estimators.weights-and", option="bag")
        check_functions(recipe, functions, model)
        parts = array_parts(x, y, recipe=recipe, classes=classes, columns=columns, name=name)
        prepared = time.perf_counter()
        ends = partial(training_ends, recipe.time_budget, begun, prepared)
        with undisturbed():
            if weights is None:
                one = OneNetwork(parts, model, functions, {}, partial(Progress, language="en"))
                trained = train_planned(planned(recipe, parts, functions, model), one, ends)
                job, state, ended, _ = trained.ordinary
                notes, bag, interrupted = trained.notes, trained.bag, trained.interrupted
            else:
                job, state = make_job(parts, completed(recipe, parts, functions, model), model, functions)
                assert parts.table is not None
                each = torch.from_numpy(weights)
                division = parts.table.split
                own = weighted(job, each[division.train], each[division.valid] if parts.valid else None)
                ended = run_loop(own, state, None, Progress(job.recipe), ends_at=ends())
                notes, bag, interrupted = (), Bag(), ended == "interrupted"
            seed_epoch(recipe.seed, -1)
            name = type(self).__name__
            said: dict[str, Any] = {"name": name, "notes": notes, "bag": bag, "interrupted": interrupted}
            self.run_ = finish(job, parts, state, ended, **said)
        if interrupted:
            raise KeyboardInterrupt

    def _predictions(self, x: Any) -> NDArray[np.float64]:
        """Return what the network predicts, computed in float64: no row's depends on those beside it."""
        check_is_fitted(self, "run_")
        x = _checked(self, x, reset=False)
        run = self.run_
        network = copy.deepcopy(run.model).to("cpu", torch.float64)
        inputs = _doubled(prepared_inputs(x, _facts(run)))
        predictions: NDArray[np.float64] = to_predictions(run.loss, outputs_of(network, inputs)).numpy()
        return predictions


class GoodFitClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A classifier for tables: the network and the training of `goodfit.train`, as scikit-learn has it.

    Frames (pandas, polars) are typed as `goodfit.train` types them: categories, dates and missing values
    need no preparation. The columns of an array are numbers, NaN where missing. With nothing set the
    network is that of ``goodfit train``; where a minute suffices for that, without weights, the average of
    several, or linear models if those serve as well. Where ``patience`` is set and the rows are 40 or more,
    validation rows are split off inside ``fit``. Training on a few more rows (``partial_fit``) is not
    offered: preparation is fitted on all training rows at once. Ctrl-C raises ``KeyboardInterrupt`` and
    leaves the estimator fitted with the best weights so far, of several networks those of the first.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_
        The classes, sorted.
    n_features_in_, feature_names_in_
        Columns seen in ``fit``; the names where it was given a frame with names.
    run_
        The `goodfit.Run`: recipe, findings, network, ``report(path)``, ``save(folder)``.
    history_
        Its curves.
    n_iter_
        Epochs trained.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> classifier = GoodFitClassifier(hidden=(16,), learning_rate=0.01, epochs=30).fit(x, y)
    >>> classifier.score(x, y) > 0.9
    True
    """

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a network.

        Parameters
        ----------
        X
            Frame, or array of numbers, shape ``(rows, columns)``; NaN is missing.
        y
            Classes, shape ``(rows,)``.
        sample_weight
            How much each row's loss counts, not negative, shape ``(rows,)``. Metrics count all rows alike.

        Raises
        ------
        ValueError
            What cannot train, in one sentence (an `InputError` or scikit-learn's own).
        """
        name = _name(y)
        X, target = _checked(self, X, y)
        check_classification_targets(target)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError("estimators.one-class", value=str(self.classes_[0]))
        self._train(X, codes, sample_weight, self.classes_.tolist(), name)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row (see ``threshold``), shape ``(rows,)``."""
        probabilities, moved = self.predict_proba(X), self.run_.threshold
        return np.asarray(
            self.classes_[predicted_codes(probabilities, None if moved is None else moved.value)]
        )

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, in the order of ``classes_``, shape ``(rows, classes)``."""
        predictions = self._predictions(X)
        if predictions.shape[1] == 1:  # bce: the probability of the second class
            predictions = np.hstack([1 - predictions, predictions])
        return predictions


class GoodFitRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A regressor for tables: the network and the training of `goodfit.train`, as scikit-learn has it.

    Targets are standardised for training and predictions brought back; several targets are learned together.
    For the rest see `GoodFitClassifier`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    n_features_in_, feature_names_in_
        Columns seen in ``fit``; the names where it was given a frame with names.
    run_
        The `goodfit.Run`: recipe, findings, network, ``report(path)``, ``save(folder)``.
    history_
        Its curves.
    n_iter_
        Epochs trained.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> x, y = load_diabetes(return_X_y=True)
    >>> regressor = GoodFitRegressor(hidden=(16,), learning_rate=0.01, epochs=30).fit(x, y)
    >>> regressor.score(x, y) > 0.4
    True
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a network.

        Parameters
        ----------
        X
            Frame, or array of numbers, shape ``(rows, columns)``; NaN is missing.
        y
            Numbers, shape ``(rows,)`` or ``(rows, targets)``.
        sample_weight
            How much each row's loss counts, not negative, shape ``(rows,)``. Metrics count all rows alike.

        Raises
        ------
        ValueError
            What cannot train, in one sentence (an `InputError` or scikit-learn's own).
        """
        name = _name(y)
        X, target = _checked(self, X, y, multi_output=True, y_numeric=True)
        self._shape = target.shape[1:]
        self._train(X, target.astype(np.float64), sample_weight, [], name)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted numbers, shape ``(rows,)`` or ``(rows, targets)``, as in ``fit``."""
        predictions = self._predictions(X)
        values = decode_target(_facts(self.run_).preparation.target, predictions)
        return np.asarray(values.reshape(len(values), *self._shape))


def _checked(
    estimator: _Estimator, x: Any, y: Any = "no_validation", *, reset: bool = True, **checks: Any
) -> Any:
    """Return what scikit-learn has checked: frames as they are, anything else as an array of numbers."""
    if type(x).__module__.partition(".")[0] not in ("pandas", "polars") or len(x.shape) != 2:
        return validate_data(estimator, x, y, reset=reset, ensure_all_finite="allow-nan", **checks)
    if isinstance(y, str):
        return validate_data(estimator, x, reset=reset, skip_check_array=True)
    if y is not None:
        y = validate_data(estimator, y=y, **checks)
        check_consistent_length(x, y)
    return validate_data(estimator, x, y, skip_check_array=True)


def _weights(sample_weight: ArrayLike, rows: int) -> NDArray[np.float64]:
    try:
        weights = np.array(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("estimators.weights-not-numbers") from None
    if weights.ndim == 0:
        weights = np.full(rows, float(weights))
    if weights.shape != (rows,):
        raise InputError("estimators.weights-shape", shape=str(weights.shape), rows=rows)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError("estimators.weights-negative")
    if not weights.any():
        raise InputError("estimators.weights-zero")
    return weights


def _rows(x: Any, index: NDArray[np.intp]) -> Any:
    if hasattr(x, "iloc"):
        return x.iloc[index]
    return x[index]


def _name(y: Any) -> str:
    name = getattr(y, "name", None)
    return name if isinstance(name, str) and name else "target"


def _python(value: Any) -> Any:
    """Return numpy's numbers, as a search over a grid of them hands in, as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, list)):
        return tuple(_python(item) for item in value)
    return value


def _doubled(inputs: Any) -> Any:
    if isinstance(inputs, tuple):
        return inputs[0].double(), *inputs[1:]
    return inputs.double()


def _facts(run: Run) -> TableFacts:
    assert run.table is not None
    return run.table


def _described() -> str:
    """Return the parameters' part of a docstring: the Recipe's descriptions of its fields."""
    lines = [f"{name}\n        {field.description}" for name, field in Recipe.model_fields.items()]
    columns = "columns\n        Kinds of columns by name, in place of those that goodfit decides on."
    return "\n    ".join([*lines, columns])


for _class in (GoodFitClassifier, GoodFitRegressor):
    if _class.__doc__ is not None:
        _class.__doc__ = _class.__doc__.replace("{parameters}", _described())
