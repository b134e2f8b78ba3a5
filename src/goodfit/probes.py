"""Probes: what is observed of data, outputs and modes beside the curves, as plain numbers.

Each is measured by the workflow or the watcher before the diagnosis, which looks at nothing else. A field is
None where a thing could not be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "DataSummary",
    "LabelProbe",
    "ModeProbe",
    "NonFiniteOrigin",
    "OutputProbe",
    "ParameterFacts",
    "Shift",
    "StartProbe",
]


@dataclass(frozen=True)
class StartProbe:
    """The network before its first update, on a few training rows.

    Parameters
    ----------
    loss
        Mean loss per row; infinite or NaN losses are None.
    """

    loss: float | None


@dataclass(frozen=True)
class ParameterFacts:
    """What became of one parameter.

    Parameters
    ----------
    name, elements
        As the module names it, and its numbers.
    trainable
        Whether it asks for gradients.
    optimized
        Whether the optimizer has it.
    has_gradient
        Whether any backward pass has given it a gradient.
    """

    name: str
    elements: int
    trainable: bool
    optimized: bool
    has_gradient: bool


@dataclass(frozen=True)
class NonFiniteOrigin:
    """Where the first NaN or infinity arose.

    Parameters
    ----------
    where
        ``inputs`` or ``target``: the data hold it; ``layer``: a layer's outputs, from finite weights and
        inputs; ``loss``: the loss of finite outputs; ``gradients``: the gradients of a finite loss;
        ``weights``: the weights themselves, after an update.
    name
        The layer or input column; empty where there is none.
    epoch
        The epoch, from 1, in which the loss was first not finite.
    step
        How many updates of that epoch had a finite loss; None where that is not known.
    """

    where: Literal["inputs", "target", "layer", "loss", "gradients", "weights"]
    name: str = ""
    epoch: int | None = None
    step: int | None = None


@dataclass(frozen=True)
class Shift:
    """How well a small classifier tells training from validation rows.

    Parameters
    ----------
    auc, low
        Area under its ROC curve on rows it was not fitted on (0.5: it cannot tell), and the lower end of the
        99.9 % interval.
    feature
        The feature whose distribution differs most.
    """

    auc: float
    low: float
    feature: str


@dataclass(frozen=True)
class DataSummary:
    """What the rows look like to the network, from a sample of them.

    Parameters
    ----------
    rows
        Training rows that were looked at.
    features
        Numbers of one row.
    scale_low, scale_typical, scale_high
        Smallest, median and largest standard deviation of the features that are not constant, with the
        distance of their mean from 0 taken in (root mean square).
    largest_feature
        The feature of ``scale_high``.
    constant
        Features of one value in every row.
    non_finite, non_finite_feature, non_finite_targets
        Rows (of all, where they lie in memory) with NaN or infinity, the first feature that has one, and rows
        whose target is none.
    class_counts, valid_class_counts
        Rows of each class.
    class_names
        What the classes are called; None where their numbers are their names.
    duplicated_valid, duplicated_test
        Share of validation and test rows whose inputs are, to the last bit, also a training row's.
    duplicated_train
        Share of training rows whose inputs another training row has, too.
    distinctive
        Whether rows are told apart by some number that hardly repeats, so that equal rows are the same row.
    giveaway, giveaway_score, giveaway_exact, other_score
        The single feature that predicts the target best, its score alone, and that of all others together in
        a linear model or singly, whichever is better: accuracy for classes, R2 for values. Exact: it has the
        same value in all rows of a class, or follows the target's values, but for 1 % of its deviation.
    chance_score
        Score of the most frequent class, or of the mean (0).
    linear_score
        Validation score of a linear model on standardised features.
    shift
        Whether training and validation rows are of one kind.
    time_column
        The column of times by which rows were divided, the latest for validation and test.
    """

    rows: int
    features: int
    scale_low: float | None = None
    scale_typical: float | None = None
    scale_high: float | None = None
    largest_feature: str = ""
    constant: int = 0
    non_finite: int = 0
    non_finite_feature: str = ""
    non_finite_targets: int = 0
    class_counts: tuple[int, ...] | None = None
    valid_class_counts: tuple[int, ...] | None = None
    class_names: tuple[str, ...] | None = None
    duplicated_valid: float | None = None
    duplicated_test: float | None = None
    duplicated_train: float | None = None
    distinctive: bool = False
    giveaway: str = ""
    giveaway_score: float | None = None
    giveaway_exact: bool = False
    other_score: float | None = None
    chance_score: float | None = None
    linear_score: float | None = None
    shift: Shift | None = None
    time_column: str = ""


@dataclass(frozen=True)
class OutputProbe:
    """What the finished network gives for some validation rows (training rows where there are none).

    Parameters
    ----------
    rows
        Rows looked at.
    units
        Output units of a row.
    classes
        Classes that the targets have, None for values.
    loss
        Name of the loss.
    last_layer
        Class of the module that was called last.
    like_probabilities
        Whether each row lies between 0 and 1 and sums to 1.
    within_unit
        Whether every output lies between 0 and 1.
    span
        The largest output less the smallest.
    broadcast
        Whether outputs and target have shapes that broadcast to something larger than either.
    whole_targets
        Distinct target values where all are whole numbers, None otherwise.
    predicted, actual, recalled
        By class: share of rows predicted and labelled as it, and share of its rows that are predicted so
        (None for a class without rows).
    score
        Accuracy for classes, R2 for values.
    varies
        Whether the outputs differ at all from row to row.
    """

    rows: int
    units: int
    classes: int | None
    loss: str
    last_layer: str = ""
    like_probabilities: bool = False
    within_unit: bool = False
    span: float | None = None
    broadcast: bool = False
    whole_targets: int | None = None
    predicted: tuple[float, ...] | None = None
    actual: tuple[float, ...] | None = None
    recalled: tuple[float | None, ...] | None = None
    score: float | None = None
    varies: bool = True


@dataclass(frozen=True)
class ModeProbe:
    """The same training rows through the finished network in training and in evaluation mode.

    Parameters
    ----------
    train_mode_loss, eval_mode_loss
        Mean losses; None where not finite.
    noise
        Standard deviation of ``train_mode_loss`` from pass to pass.
    repeated
        How much the outputs differ between two passes in evaluation mode, as a share of their deviation.
    company
        How much they differ when a row is sent with other rows, in evaluation mode, as the same share.
    """

    train_mode_loss: float | None
    eval_mode_loss: float | None
    noise: float = 0.0
    repeated: float = 0.0
    company: float = 0.0


@dataclass(frozen=True)
class LabelProbe:
    """Whether the labels of rows go with those of their nearest neighbours.

    Parameters
    ----------
    rows
        Training rows looked at.
    train_score, valid_score
        How well a training row's target is told by the nearest other training rows, a validation row's by
        other validation rows: accuracy, or R2.
    crossed_score
        How well a validation row's target is told by training rows.
    chance_score
        What always giving the same answer scores.
    error
        Share of rows whose label is not their neighbours'.
    floor, floor_low
        The same share among the rows whose neighbours agree best with each other, and the lower end of its
        95 % interval: noise of labels is as frequent there as elsewhere, classes that overlap are not.
    network_error, network_floor
        The network's share of wrong answers on validation rows, on all and on those it is surest of.
    doubted
        Rows whose label both the network and unanimous neighbours contradict.
    """

    rows: int
    train_score: float
    valid_score: float | None
    crossed_score: float | None
    chance_score: float
    error: float | None = None
    floor: float | None = None
    floor_low: float | None = None
    network_error: float | None = None
    network_floor: float | None = None
    doubted: int | None = None
