"""A trained network and rows to predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from goodfit.data.batches import Batches, TensorBatches, first_tensor, move
from goodfit.errors import InputError
from goodfit.training.losses import Loss, to_predictions
from goodfit.training.outputs import call, described

if TYPE_CHECKING:
    import polars as pl

    from goodfit.data.facts import TableFacts
    from goodfit.models.ensemble import Ensemble

__all__ = [
    "disagreement_columns",
    "disagreement_of_outputs",
    "of_each_class",
    "outputs_of",
    "predict_own",
    "predict_rows",
    "predicted_codes",
    "prediction_frame",
]

ELEMENTS = 2**20
"""Elements of the inputs that go through the network at once."""


def outputs_of(model: nn.Module, inputs: Any, device: torch.device | None = None) -> Tensor:
    """Return the network's outputs for every row of ``inputs``, on the CPU, in evaluation mode.

    Parameters
    ----------
    inputs
        A tensor, or a tuple or dict of tensors, rows in dimension 0.
    """
    width = max(1, first_tensor(inputs)[:1].numel())
    return _outputs(model, TensorBatches(inputs, None, max(1, ELEMENTS // width)), device)


def _outputs(model: nn.Module, batches: Batches, device: torch.device | None) -> Tensor:
    if device is None:
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            parts = [call(model, move(batch, device)).cpu() for batch in batches.epoch(0)]
    finally:
        model.train(training)
    return torch.cat(parts)


def predict_rows(model: nn.Module, loss: Loss, inputs: Any, *, logits: bool = False) -> NDArray[np.float32]:
    """Return probabilities for classification losses, values otherwise; raw outputs with ``logits``."""
    outputs = outputs_of(model, inputs)
    result = outputs if logits else to_predictions(loss, outputs)
    return result.float().numpy()


def predict_own(model: nn.Module, loss: Loss, data: Any, *, logits: bool = False) -> NDArray[np.float32]:
    """Return `predict_rows` of inputs as somebody gives them: arrays or tensors, alone, in tuples or dicts.

    Raises
    ------
    InputError
        There are no rows, or the network cannot take them.
    """
    inputs = as_inputs(data)
    try:
        if not len(first_tensor(inputs)):
            raise InputError("predict.no-rows")
        return predict_rows(model, loss, inputs, logits=logits)
    except (RuntimeError, TypeError, IndexError, KeyError) as error:
        problem = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError("predict.network-fails", inputs=described(inputs), problem=problem) from error


def prediction_frame(
    predictions: NDArray[Any], facts: TableFacts, *, logits: bool = False, threshold: float | None = None
) -> pl.DataFrame:
    """Return predictions in the data's own units: ``prediction``, and ``p_<class>`` for classes.

    The likeliest class is predicted; of two the second from ``threshold`` on, where one is given. Logits have
    none.
    """
    import polars as pl

    from goodfit.data.targets import decode_target

    target = facts.preparation.target
    classes: Sequence[Any] = facts.profile.classes
    if not classes:
        values = decode_target(target, predictions)
        names = ["prediction"] if values.shape[1] == 1 else [f"prediction_{name}" for name in target.names]
        return pl.DataFrame({name: values[:, column] for column, name in enumerate(names)})
    predictions = of_each_class(predictions, logits=logits)
    codes = predicted_codes(predictions, None if logits else threshold)
    columns: dict[str, Any] = {"prediction": pl.Series(decode_target(target, codes).tolist())}
    prefix = "logit" if logits else "p"
    for number, label in enumerate(classes):
        columns[f"{prefix}_{spelled(label)}"] = predictions[:, number].astype(np.float64)
    return pl.DataFrame(columns)


def predicted_codes(probabilities: NDArray[Any], threshold: float | None = None) -> NDArray[np.int64]:
    """Return the code of the likeliest class; with a threshold, of the second of two from there on."""
    if threshold is None:
        return np.asarray(probabilities.argmax(axis=1))
    return (probabilities[:, 1] > threshold).astype(np.int64)


def disagreement_columns(ensemble: Ensemble, loss: Loss, inputs: Any, facts: TableFacts) -> pl.DataFrame:
    """Return how far an ensemble's members disagree about each row, see `goodfit.run.Run.predict`."""
    import polars as pl

    from goodfit.data.targets import decode_target

    said = [predict_rows(member, loss, inputs) for member in ensemble.members]
    if facts.profile.classes:
        mean, spread = _mean_and_spread(np.stack([of_each_class(one) for one in said]), ensemble)
        codes = mean.argmax(1)
        return pl.DataFrame({"disagreement": spread[np.arange(len(codes)), codes]})
    target = facts.preparation.target
    _, spread = _mean_and_spread(np.stack([decode_target(target, one) for one in said]), ensemble)
    several = spread.shape[1] > 1
    names = [f"disagreement_{name}" if several else "disagreement" for name in target.names]
    return pl.DataFrame({name: spread[:, place] for place, name in enumerate(names)})


def disagreement_of_outputs(ensemble: Ensemble, loss: Loss, inputs: Any) -> NDArray[np.float32]:
    """Return the standard deviation of the members' predictions, in their shape."""
    said = np.stack([predict_rows(member, loss, inputs) for member in ensemble.members])
    return np.asarray(_mean_and_spread(said, ensemble)[1], dtype=np.float32)


def _mean_and_spread(said: NDArray[Any], ensemble: Ensemble) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and standard deviation over the members (dimension 0), each counting as in the ensemble."""
    equal = np.full(len(said), 1 / len(said))
    weights = equal if ensemble.weights is None else ensemble.weights.double().cpu().numpy()
    mean = np.tensordot(weights, said.astype(np.float64), 1)
    variance = np.tensordot(weights, np.square(said - mean), 1) * len(said) / (len(said) - 1)
    return mean, np.sqrt(variance)


def of_each_class(predictions: NDArray[Any], *, logits: bool = False) -> NDArray[Any]:
    """Return a column per class, also where the network has one output, which is for the second of two."""
    if predictions.shape[1] > 1:
        return predictions
    return np.hstack([np.zeros_like(predictions) if logits else 1 - predictions, predictions])


def spelled(label: Any) -> str:
    """Return a class's name as column names show it: true and false as in JSON.

    >>> spelled(True), spelled(3), spelled("a b")
    ('true', '3', 'a b')
    """
    return str(label).lower() if isinstance(label, bool) else str(label)


def as_inputs(data: Any) -> Any:
    """Return arrays as tensors, nested as they were.

    Raises
    ------
    InputError
        An array does not hold numbers.
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, Mapping):
        return {key: as_inputs(item) for key, item in data.items()}
    if isinstance(data, tuple):
        return tuple(as_inputs(item) for item in data)
    array = np.asarray(data)
    if array.dtype.kind not in "fiub":
        raise InputError("predict.not-numbers", kind=str(array.dtype))
    return torch.from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array)
