"""Outputs of a network beside what was true, one row for each decision, as metrics take them."""

from __future__ import annotations

from torch import Tensor

from goodfit.training.losses import Loss, to_predictions

__all__ = ["predicted_and_actual"]


def predicted_and_actual(loss: Loss, outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return predictions and true values of a batch in the shapes of rows of a table.

    Every labelled place counts as a row: outputs of shape (N, C, T) with labels (N, T), as of sequences and
    images, become (N * T, C) and (N * T,). Labels that the loss leaves out are left out, and probabilities
    given as a target count for the likeliest class.

    Parameters
    ----------
    outputs
        Of the network, classes on dimension 1.
    target
        In the number type that the loss takes.

    Returns
    -------
    predictions
        (N, C) probabilities, (N,) of the second class, (N, L) of several labels, or (N, T) values.
    actual
        (N,) class numbers, (N, L) labels of 0 and 1, or (N, T) values.
    """
    predictions = to_predictions(loss, outputs).float()
    match loss.facts.target:
        case "labels":
            predictions = predictions.movedim(1, -1).reshape(-1, predictions.shape[1])
            actual = target.argmax(1) if target.is_floating_point() else target
            actual = actual.reshape(-1)
            if loss.ignored is not None:
                kept = actual != loss.ignored
                predictions, actual = predictions[kept], actual[kept]
            return predictions, actual
        case "binary":
            target = (target > 0.5).long()
            if target.ndim == 2 and target.shape[1] > 1:
                return predictions, target
            return predictions.reshape(-1), target.reshape(-1)
        case _:
            return (predictions, target) if target.ndim == 1 else (predictions.flatten(1), target.flatten(1))
