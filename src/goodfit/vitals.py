"""Vitals: how the layers of a network are doing while it trains."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["QUANTITIES", "LayerRow", "Vitals", "to_vitals"]

LayerRow = dict[str, Any]
"""One layer at one epoch: ``epoch``, ``step``, ``layer``, ``kind`` and the quantities that it has."""

QUANTITIES = (
    "gradient_norm",
    "weight_norm",
    "update_norm",
    "mean",
    "deviation",
    "dead",
    "saturated",
    "spread",
    "alike",
    "non_finite",
    "kept",
)


@dataclass(frozen=True, eq=False)
class Vitals:
    """How the layers are doing, a row per measured epoch and a column per layer.

    Parameters
    ----------
    layers
        Names of the layers in the order in which the inputs pass them.
    kinds
        Class of each, such as ``Linear`` or ``ReLU``.
    epochs
        Epochs after which they were measured, shape (epochs,); 0: before the first update, in training mode.
    values
        By quantity, shape (epochs, layers), NaN where a layer has none. Of the epoch's last update:
        ``gradient_norm`` (L2, after clipping), ``weight_norm``, ``update_norm``, ``kept`` (1 where gradients
        of an earlier update were still there when new ones were added, 0 where not). Of the layer's outputs
        on a few training rows in evaluation mode: ``mean`` and ``deviation`` over all, ``dead`` (share of
        units that are 0 for every row, after a ReLU and its kin or entering a later layer), ``saturated``
        (share of outputs within 1 % of a bound of the activation's range), ``non_finite`` (share of outputs
        that are NaN or infinite), ``spread`` (root mean square over the units of their standard deviation
        over the rows) and, of layers with weights, ``alike`` (share of units that give what another gives).
    """

    layers: tuple[str, ...]
    kinds: tuple[str, ...]
    epochs: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]]

    def __getitem__(self, quantity: str) -> NDArray[np.float64]:
        return self.values[quantity]

    def __len__(self) -> int:
        return len(self.epochs)

    def to_csv(self) -> str:
        """Return the vitals as CSV, a row per layer and epoch."""
        import polars as pl

        shape = (len(self.epochs), len(self.layers))
        columns: dict[str, Any] = {
            "epoch": np.repeat(self.epochs, shape[1]),
            "layer": list(self.layers) * shape[0],
            "kind": list(self.kinds) * shape[0],
        }
        for name in QUANTITIES:
            columns[name] = self.values[name].reshape(-1)
        return pl.DataFrame(columns).with_columns(pl.col(QUANTITIES).fill_nan(None)).write_csv()

    @classmethod
    def from_csv(cls, text: str) -> Vitals:
        """Read vitals written by `to_csv`."""
        import polars as pl

        frame = pl.read_csv(
            io.StringIO(text), infer_schema_length=None, schema_overrides={"layer": pl.String}
        )
        there = [name for name in QUANTITIES if name in frame.columns]  # older versions wrote fewer
        numbers = frame.with_columns(pl.col(there).cast(pl.Float64).fill_null(np.nan))
        return to_vitals(numbers.to_dicts())

    def __repr__(self) -> str:
        return f"<Vitals: {len(self.layers)} layers at {len(self.epochs)} epochs>"


def to_vitals(rows: Sequence[Mapping[str, Any]]) -> Vitals:
    """Return measured rows as Vitals; layers that are missing at an epoch are NaN there."""
    layers = dict.fromkeys((str(row["layer"]), str(row["kind"])) for row in rows)
    place = {name: column for column, (name, _) in enumerate(layers)}
    epochs = list(dict.fromkeys(float(row["epoch"]) for row in rows))
    line = {epoch: number for number, epoch in enumerate(epochs)}
    values = {name: np.full((len(epochs), len(layers)), np.nan) for name in QUANTITIES}
    for row in rows:
        for name in QUANTITIES:
            value = row.get(name)
            if value is not None:
                values[name][line[float(row["epoch"])], place[str(row["layer"])]] = value
    return Vitals(
        layers=tuple(name for name, _ in layers),
        kinds=tuple(kind for _, kind in layers),
        epochs=np.array(epochs),
        values=values,
    )
