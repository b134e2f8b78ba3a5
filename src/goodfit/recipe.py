"""Recipe: every decision of a training, as plain data; TOML in and out."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from goodfit.errors import InputError
from goodfit.ranges import shown, wanted

__all__ = ["Recipe"]

Auto = Literal["auto"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Recipe(BaseModel):
    """Every decision of a training, as plain immutable data.

    ``"auto"`` leaves a decision to goodfit; the recipe of a finished run holds what was decided.
    None is written ``"none"`` in TOML and on the command line.

    Raises
    ------
    InputError
        A field that does not exist, or a value out of its range (a ``ValueError``).

    Examples
    --------
    >>> recipe = Recipe(hidden=(32, 32), learning_rate=0.01)
    >>> recipe.replace(epochs=20).epochs
    20
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), arbitrary_types_allowed=False
    )

    # The network
    model: str = Field("auto", description="Name of the network: auto, mlp, linear, resnet, tabm.")
    hidden: tuple[Count, ...] = Field((64, 64), description="Units of each hidden layer.")
    members: Count = Field(16, description="Predictions that tabm makes side by side.")
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"] = Field(
        "relu", description="What follows each hidden layer."
    )
    dropout: Share = Field(0.0, description="Share of hidden units dropped in training.")
    normalization: Literal["batch", "layer"] | None = Field(
        None, description="Normalisation after each hidden layer: none, batch, layer."
    )
    initialization: str = Field(
        "auto",
        description="Start of the weights: auto, default (torch's), xavier_uniform, xavier_normal, "
        "he_uniform, he_normal, orthogonal, lsuv, zeros; for a linear network of a table also fitted.",
    )
    # What is minimised and what is reported
    loss: str = Field("auto", description="What is minimised: auto, cross_entropy, bce, mse, mae, huber, ...")
    loss_options: dict[str, Any] = Field({}, description="Options of the loss, such as label_smoothing.")
    class_weight: Literal["balanced"] | dict[str, Positive] | None = Field(
        None, description="Weights of the classes in the loss: none, balanced, or class=weight."
    )
    sampling: Literal["balanced"] | None = Field(
        None,
        description="Rows of an epoch: none (each once), or balanced (drawn, equally many of each class).",
    )
    calibrate: bool = Field(
        True, description="Fit a temperature for the probabilities of a table's classes on validation rows."
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] | str | None = Field(
        None,
        description="Probability from which on the second of two classes is predicted: none (one half), a "
        "number, or a metric to choose it by on validation rows, such as balanced_accuracy or f1.",
    )
    metrics: tuple[str, ...] | Auto = Field(
        "auto", description="What is reported each epoch, by scikit-learn's names."
    )
    # How it is minimised
    optimizer: str = Field("adam", description="Name of the optimizer: sgd, momentum, adam, adamw, ...")
    optimizer_options: dict[str, Any] = Field(
        {}, description="Further options of the optimizer, such as betas."
    )
    learning_rate: Positive = Field(1e-3, description="Learning rate, before the schedule's factor.")
    momentum: Share | None = Field(None, description="Momentum, for the optimizers that have it.")
    weight_decay: NotNegative = Field(0.0, description="L2 penalty (decoupled for adamw and its kin).")
    l1: NotNegative = Field(0.0, description="L1 penalty on the weights.")
    schedule: str = Field(
        "constant",
        description="Course of the learning rate: constant, step, exponential, linear, cosine, ...",
    )
    schedule_options: dict[str, Any] = Field({}, description="Options of the schedule, such as gamma.")
    warmup: NotNegative = Field(
        0.0, description="Epochs over which the rate rises from 0 (fractions allowed)."
    )
    epochs: Count = Field(100, description="Times the training rows are gone through, at most.")
    batch_size: Count | Auto | None = Field(
        "auto", description="Rows of a minibatch; none: all rows at once; auto: by the number of rows."
    )
    accumulate: Count = Field(1, description="Minibatches whose gradients are added before a step.")
    gradient_clip: Positive | None = Field(None, description="Largest norm of the gradient.")
    gradient_clip_value: Positive | None = Field(None, description="Largest size of each gradient entry.")
    label_noise: Share = Field(0.0, description="Share of training labels redrawn at random in each epoch.")
    mixup: NotNegative = Field(0.0, description="Alpha of mixup's Beta distribution; 0: no mixup.")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Decay of the exponential moving average of the weights that is evaluated and kept."
    )
    swa: Share | None = Field(
        None, description="Share of the epochs after which weights are averaged equally (SWA)."
    )
    # When it ends
    patience: Count | None = Field(20, description="Epochs without improvement before it stops; none: never.")
    min_improvement: NotNegative = Field(0.0, description="What counts as improvement for patience.")
    monitor: str = Field("valid_loss", description="What decides the best epoch, such as valid_accuracy.")
    stop_at: float | None = Field(
        None, description="Value of the monitored quantity that is good enough to stop."
    )
    time_budget: Positive | None = Field(
        None, description="Seconds that the whole may take, from reading the data to the report."
    )
    keep_going: bool = Field(False, description="Go on although the training is beyond hope.")
    # Where and how exactly
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Numbers computed with."
    )
    compile: bool = Field(
        False, description="Compile the network with torch.compile (needs a compiler; gains little on a CPU)."
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="Every random choice follows from it.")
    # How the columns are prepared
    scale: dict[str, Literal["standard", "minmax", "unit", "robust", "quantile", "log"]] = Field(
        {},
        description="Scalings of columns by name, instead of what their distribution asks: column=standard, "
        "minmax, unit, robust, quantile, log.",
    )
    outliers: Literal["keep", "clip", "missing"] = Field(
        "keep", description="What becomes of numbers far out, by a rule on the training rows."
    )
    # How the rows are divided
    valid_fraction: Annotated[float, Field(gt=0, lt=1)] | Auto = Field(
        "auto", description="Share of the rows kept for validation; auto: by the number of rows."
    )
    test_fraction: Annotated[float, Field(ge=0, lt=1)] | Auto = Field(
        "auto", description="Share of the rows kept for the test; auto: by the number of rows."
    )
    split_seed: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="Seed by which the rows are divided; none: that of the training, seed."
    )

    bag: Count = Field(
        1,
        description="Networks whose predictions are averaged, each of which leaves out other rows of the "
        "table for its validation. A table of whose network nothing is said gets 5 where a minute suffices.",
    )
    stack: tuple[str, ...] = Field(
        (),
        description="Networks, by name, that a bag has beside those of model, trained by the same recipe; "
        "they count by how well they predict the rows that each left out.",
    )

    def __init__(self, **fields: Any) -> None:
        unknown = [name for name in fields if name not in type(self).model_fields]
        if unknown:
            raise _unknown_field(unknown[0])
        try:
            super().__init__(**{name: _given(name, value) for name, value in fields.items()})
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise _out_of_range(name, fields[name]) from None
        if self.stop_at is not None and not math.isfinite(self.stop_at):
            raise _out_of_range("stop_at", self.stop_at)

    @property
    def rows_seed(self) -> int:
        """The seed by which the rows are divided."""
        return self.seed if self.split_seed is None else self.split_seed

    @property
    def networks(self) -> int:
        """How many networks are averaged.

        >>> Recipe().networks, Recipe(bag=5, stack=("mlp",)).networks
        (1, 10)
        """
        return self.bag * (1 + len(self.stack))

    @classmethod
    def parse(cls, name: str, text: str) -> Any:
        """Return the value that ``text`` writes for the field ``name``, as on a command line.

        Lists are separated by commas, dicts are ``key=value`` pairs, whose values may be such lists;
        ``none`` is None. Whether the value is allowed is for the constructor to say.

        >>> Recipe.parse("hidden", "64,32"), Recipe.parse("optimizer_options", "betas=0.9,0.99,eps=1e-7")
        ((64, 32), {'betas': (0.9, 0.99), 'eps': 1e-07})
        """
        text = text.strip()
        default = cls.model_fields[name].default if name in cls.model_fields else None
        if text == "none":
            return None
        if isinstance(default, dict) or (name == "class_weight" and "=" in text):
            return _pairs(name, text)
        if isinstance(default, tuple) or (name == "metrics" and text != "auto"):
            return tuple(_read(part) for part in text.split(",") if part.strip())
        return _read(text)

    def replace(self, **changes: Any) -> Recipe:
        """Return this recipe with some fields changed, checked again; what was not said stays unsaid."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        return Recipe(**{**said, **changes})

    def changes(self) -> dict[str, Any]:
        """Return the fields that differ from the defaults."""
        defaults = Recipe()
        return {name: value for name, value in self if value != getattr(defaults, name)}

    def to_dict(self) -> dict[str, Any]:
        """Return every field as plain data for JSON."""
        return self.model_dump(mode="json")

    def to_toml(self) -> str:
        """Return every field as TOML; None is ``"none"``."""
        return tomli_w.dumps(_none_as_text(self.to_dict()))

    @classmethod
    def from_toml(cls, text: str, source: str = "recipe.toml") -> Recipe:
        """Read a recipe written by `to_toml` or by hand.

        Raises
        ------
        InputError
            The text is no TOML, or a field or value is wrong.
        """
        try:
            fields = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError("recipe.not-toml", source=source, problem=str(error)) from None
        try:
            return cls(**{name: _none_from_text(value) for name, value in fields.items()})
        except InputError as error:
            raise InputError("recipe.in-file", source=source, problem=error.message) from None

    @classmethod
    def from_file(cls, path: str | Path) -> Recipe:
        """Read a recipe from a TOML file."""
        path = Path(path)
        try:
            text = path.read_text("utf-8-sig")
        except FileNotFoundError:
            raise InputError("recipe.file-missing", path=str(path)) from None
        except OSError as error:
            raise InputError("recipe.unreadable", path=str(path), problem=error.strerror) from None
        except UnicodeDecodeError as error:
            raise InputError("recipe.unreadable", path=str(path), problem=error.reason) from None
        return cls.from_toml(text, str(path))

    def __repr__(self) -> str:
        return f"Recipe({', '.join(f'{name}={value!r}' for name, value in self.changes().items())})"

    __str__ = __repr__


def _read(text: str) -> Any:
    text = text.strip()
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _pairs(field: str, text: str) -> dict[str, Any]:
    """Return ``a=1,b=2,3`` as a dict: what has no ``=`` goes on with the list before it."""
    found: dict[str, Any] = {}
    key = ""
    for part in text.split(","):
        name, sign, value = part.partition("=")
        if sign:
            key = name.strip()
            found[key] = _read(value)
        elif key:
            before = found[key] if isinstance(found[key], tuple) else (found[key],)
            found[key] = (*before, _read(part))
        elif part.strip():
            option = f"--{field.replace('_', '-')}"
            raise InputError("option.not-a-pair", option=option, value=part.strip(), example="name=value")
    return found


def _given(name: str, value: Any) -> Any:
    """Return what was given for a field as the field's own type where that is plain to see."""
    if isinstance(value, str) and value == "none":
        return None
    if name == "hidden" and isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    if name == "metrics" and isinstance(value, str) and value != "auto":
        return (value,)
    if name == "stack" and isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        return {str(key): _plain(name, item) for key, item in value.items()}
    return value


def _plain(field: str, value: Any) -> Any:
    """Return an option's value as data that TOML can hold."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(field, item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(_plain(field, item) for item in value)
    if hasattr(value, "tolist"):
        return _plain(field, value.tolist())
    raise InputError("recipe.not-plain", field=field, kind=type(value).__name__)


def _none_from_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _none_from_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_none_from_text(item) for item in value)
    return None if value == "none" else value


def _none_as_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _none_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_none_as_text(item) for item in value]
    return "none" if value is None else value


def _unknown_field(name: str) -> InputError:
    near = difflib.get_close_matches(name, Recipe.model_fields, n=1)
    if near:
        return InputError("recipe.unknown-field-near", field=name, nearest=near[0])
    return InputError("recipe.unknown-field", field=name, known=sorted(Recipe.model_fields))


def _out_of_range(name: str, value: Any) -> InputError:
    may_be = wanted(Recipe.model_fields[name])
    return InputError("recipe.out-of-range", field=name, value=shown(value), wanted=may_be)
