"""Data in memory to a polars frame: pandas and polars frames, dicts of columns, arrays."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["content_hash", "flat", "from_arrays", "from_memory"]

Container = Literal["polars", "pandas", "array"]


def from_memory(data: Any) -> tuple[pl.DataFrame, tuple[str, ...], Container] | None:
    """Return a polars frame of ``data``, the targets it names, and its container; None for other objects.

    A pandas index is left out; ``(X, y)`` and arrays get the columns x1, x2, ... and ``target``.

    Raises
    ------
    InputError
        A column name twice, columns of different lengths, or arrays that make no table.
    """
    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if isinstance(data, pl.Series):
        data = data.to_frame()
    if isinstance(data, pl.DataFrame):
        return data, (), "polars"
    if _is_pandas(data):
        return _from_pandas(data), (), "pandas"
    if isinstance(data, Mapping):
        return _from_columns([str(name) for name in data], list(data.values())), (), "polars"
    if isinstance(data, tuple) and len(data) == 2:
        return from_arrays(*data)
    if isinstance(data, (np.ndarray, list)) or _is_tensor(data):
        return _from_matrix(data, "x"), (), "array"
    return None


def from_arrays(x: Any, y: Any) -> tuple[pl.DataFrame, tuple[str, ...], Container]:
    """Return one frame of inputs ``x`` and targets ``y`` (n values, or n rows of several), and y's names."""
    inputs, container = _part(x, "x")
    target, _ = _part(y, "target")
    if len(inputs) != len(target):
        raise InputError("read.unequal-lengths", inputs=len(inputs), targets=len(target))
    if target.columns == ["target1"]:
        target.columns = ["target"]
    both = set(inputs.columns) & set(target.columns)
    target = target.rename({name: f"{name} (target)" for name in both})
    return inputs.hstack(target), tuple(target.columns), container


def _part(data: Any, prefix: str) -> tuple[pl.DataFrame, Container]:
    if (
        isinstance(data, (pl.DataFrame, pl.LazyFrame, pl.Series))
        or _is_pandas(data)
        or isinstance(data, Mapping)
    ):
        found = from_memory(data)
        assert found is not None
        frame, _, container = found
        if frame.width == 1 and not frame.columns[0]:
            frame.columns = [f"{prefix}1"]
        return frame, container
    return _from_matrix(data, prefix), "array"


def _is_pandas(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "to_numpy")


def _is_tensor(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "torch" and hasattr(data, "detach")


def _from_matrix(data: Any, prefix: str) -> pl.DataFrame:
    if _is_tensor(data):
        data = data.detach().cpu()
        data = data.float() if data.is_floating_point() and data.element_size() < 4 else data
        data = data.numpy()
    try:
        matrix = np.asarray(data)
        if matrix.dtype.kind in "US" and not isinstance(data, np.ndarray):
            matrix = np.asarray(data, dtype=object)  # numpy makes texts of mixed lists
    except (ValueError, TypeError):
        raise InputError("read.ragged-array") from None
    if matrix.ndim == 1:
        matrix = matrix.reshape(-1, 1)
    if matrix.ndim != 2:
        raise InputError("read.not-two-dimensional", shape=str(matrix.shape))
    if matrix.dtype.kind not in "biufUSMmO":
        raise InputError("read.unsupported-array", dtype=str(matrix.dtype))
    names = [f"{prefix}{place + 1}" for place in range(matrix.shape[1])]
    return _from_columns(names, [matrix[:, place] for place in range(matrix.shape[1])])


def _from_pandas(data: Any) -> pl.DataFrame:
    frame = data.to_frame() if data.ndim == 1 else data
    names = [
        " ".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(name)
        for name in frame.columns
    ]
    if data.ndim == 1 and data.name is None:
        names = [""]
    return _from_columns(names, [_pandas_values(frame.iloc[:, place]) for place in range(frame.shape[1])])


def _pandas_values(series: Any) -> Any:
    """Return a pandas column as a polars one, or as an array or list that `_series` understands."""
    kind = str(series.dtype)
    if kind == "category":
        codes = series.cat.codes.to_numpy()
        levels = pl.Series([str(level) for level in series.cat.categories], dtype=pl.String)
        places = pl.Series(codes.astype(np.int64)).replace(-1, None)
        numeric = series.cat.categories.dtype.kind in "iuf"
        texts = levels.gather(places)
        return texts.cast(pl.Float64) if numeric else texts
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return series.to_numpy()
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "Mm":
        return series.to_numpy().astype(f"{series.dtype.kind}8[us]")
    if kind.startswith("datetime64["):  # with a time zone
        return series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("M8[us]")
    if hasattr(series.dtype, "numpy_dtype") and series.dtype.numpy_dtype.kind in "biuf":
        if series.isna().any():
            return pl.Series(series.to_numpy(dtype="float64", na_value=np.nan)).fill_nan(None)
        return series.to_numpy(dtype=series.dtype.numpy_dtype)
    missing = series.isna().to_numpy()
    values = series.to_numpy(dtype=object)
    return [None if gone else value for gone, value in zip(missing, values, strict=True)]


def _from_columns(names: Sequence[str], columns: Sequence[Any]) -> pl.DataFrame:
    _refuse_twice(names)
    series = [_series(name, values) for name, values in zip(names, columns, strict=True)]
    lengths = {len(column) for column in series}
    if len(lengths) > 1:
        raise InputError("read.unequal-columns", lengths=sorted(lengths))
    return pl.DataFrame(series)


def _refuse_twice(names: Sequence[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError("read.duplicate-columns", file="frame", names=[repr(name) for name in twice[:5]])


def _series(name: str, values: Any) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name)
    if _is_pandas(values):
        return _series(name, _pandas_values(values))
    if _is_tensor(values):
        values = values.detach().cpu().numpy()
    if isinstance(values, np.ndarray) and values.dtype.kind in "biufMm" and values.ndim == 1:
        if values.dtype == np.float16:
            values = values.astype(np.float32)
        if values.dtype.itemsize > 8:
            values = values.astype(np.float64)
        return pl.Series(name, np.ascontiguousarray(values))
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.ndim == 1 else list(values)
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise InputError("read.not-a-column", column=name, value=repr(values)[:60])
    return _from_objects(name, list(values))


def _from_objects(name: str, values: list[Any]) -> pl.Series:
    """Return a column of Python values: of one type where they are, else of texts."""
    values = [None if _is_missing(value) else _plain(value) for value in values]
    types = {type(value) for value in values if value is not None}
    try:
        if types <= {int, float} or len(types) <= 1:
            return pl.Series(name, values, dtype=pl.Float64 if types == {int, float} else None)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        pass
    return pl.Series(name, [None if value is None else _text(value) for value in values], dtype=pl.String)


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value).encode("utf-8", "replace").decode("utf-8")


def flat(frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Message, ...]]:
    """Return the frame with plain columns only: durations in seconds, decimals as floats, lists left out.

    Texts stay texts; enumerations and bytes become texts; integers beyond 64 bits become floats.
    """
    notes: list[Message] = []
    kept: list[pl.Expr] = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if dtype.is_nested() or dtype == pl.Object:
            notes.append(Message("notes.read.nested", {"column": name, "dtype": str(dtype)}))
        elif isinstance(dtype, pl.Duration):
            kept.append(column.dt.total_microseconds() / 1e6)
        elif dtype == pl.Time:
            kept.append(column.cast(pl.Duration("us")).dt.total_microseconds() / 1e6)
        elif dtype == pl.Date:
            kept.append(column.cast(pl.Datetime("us")))
        elif isinstance(dtype, pl.Datetime):
            column = (
                column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if dtype.time_zone else column
            )
            kept.append(column.cast(pl.Datetime("us")))
        elif isinstance(dtype, pl.Enum):
            kept.append(column.cast(pl.String).cast(pl.Categorical))
        elif dtype == pl.Binary:
            texts = [None if value is None else _text(value) for value in frame[name]]
            kept.append(pl.lit(pl.Series(name, texts, dtype=pl.String)))
        elif dtype.is_decimal() or dtype in (pl.UInt64, pl.Int128):
            kept.append(column.cast(pl.Float64))
        elif dtype == pl.Null:
            kept.append(column.cast(pl.String))
        else:
            kept.append(column)
    return frame.select(kept), tuple(notes)


def content_hash(frame: pl.DataFrame) -> str:
    """Return a sha256 of names, types and values, the same on every machine."""
    digest = hashlib.sha256()
    for series in frame:
        digest.update(f"{series.name}\0{series.dtype}\0{len(series)}\0".encode())
        if series.null_count():
            digest.update(np.packbits(series.is_null().to_numpy()).tobytes())
        if series.dtype.is_numeric() or series.dtype.is_temporal() or series.dtype == pl.Boolean:
            values = series.to_physical()
            values = values.fill_null(False) if values.dtype == pl.Boolean else values.fill_null(0)
            digest.update(np.ascontiguousarray(values.to_numpy()).tobytes())
        else:
            texts = series.cast(pl.String).fill_null("")
            digest.update(np.ascontiguousarray(texts.str.len_bytes().to_numpy()).tobytes())
            digest.update((texts.str.join("").item() or "").encode() if len(texts) else b"")
    return digest.hexdigest()
