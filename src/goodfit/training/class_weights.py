"""Weights of the classes in a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from goodfit.errors import InputError

__all__ = ["class_weights"]


def class_weights(
    spec: str | Mapping[Any, float] | Sequence[float] | None,
    classes: Sequence[Any] | None = None,
    counts: Sequence[int] | None = None,
) -> list[float] | None:
    """Return a weight per class, in the classes' order; None for no weights.

    Examples
    --------
    >>> class_weights("balanced", counts=[30, 10])
    [0.6666666666666666, 2.0]
    >>> class_weights({"yes": 3}, classes=["no", "yes"])
    [1.0, 3.0]
    """
    if spec is None:
        return None
    if isinstance(spec, str):
        if spec != "balanced":
            raise InputError("loss.class-weight-unknown", value=spec)
        if counts is None:
            raise InputError("loss.class-weight-no-classes")
        return [sum(counts) / (len(counts) * max(count, 1)) for count in counts]
    if isinstance(spec, Mapping):
        if classes is None:
            raise InputError("loss.class-weight-no-classes")
        places = {str(name): place for place, name in enumerate(classes)}
        weights = [1.0] * len(places)
        for name, weight in spec.items():
            if str(name) not in places:
                raise InputError("loss.class-weight-class", name=str(name), classes=list(places))
            weights[places[str(name)]] = float(weight)
    else:
        weights = [float(weight) for weight in spec]
        if classes is not None and len(weights) != len(classes):
            raise InputError("loss.class-weight-count", given=len(weights), classes=len(classes))
    if any(not weight >= 0 for weight in weights) or sum(weights) == 0:
        raise InputError("loss.class-weight-negative", weights=weights)
    return weights
