"""`goodfit.watch` for Keras 3.

With torch as backend weights, gradients and updates are looked at, too; with another only the curves. What
layers give is not seen, since Keras calls them past torch's hooks.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from torch import nn

from goodfit.callbacks.telling import Watching, library, told_epoch
from goodfit.watcher import Watch

__all__ = ["keras_callback"]


def keras_callback(*, quiet: bool = False, language: str = "en", **facts: Any) -> Any:
    """Return a callback for Keras' ``fit`` that watches the training and says what is wrong with it.

    Parameters
    ----------
    quiet
        Print nothing when the training ends; ``callback.watch.diagnose()`` has it all the same.
    language
        Of what is printed.
    facts
        As for `goodfit.watch`: ``classes``, ``loss``, ``prior_loss``, ``train_rows``, ``validation_rows``.

    Raises
    ------
    InputError
        Keras is not installed.

    Examples
    --------
    ``model.fit(x, y, validation_split=0.2, callbacks=[keras_callback(classes=10)])``
    """
    return _class()(quiet, language, facts)


@cache
def _class() -> Any:
    base = library("keras", "keras").callbacks.Callback

    class GoodfitCallback(Watching, base):  # type: ignore[misc, valid-type]
        def on_train_begin(self, logs: Any = None) -> None:
            layers = _layers(self.model)
            looked_at = any(True for _ in layers.parameters())
            self.watch = Watch(layers, vitals=looked_at, name=self.model.name, **self.facts)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.watch is not None:
                self.watch.step()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if self.watch is not None:
                told_epoch(self.watch, dict(logs or {}), epoch + 1)

        def on_train_end(self, logs: Any = None) -> None:
            self.end_watch()

    return GoodfitCallback


def _layers(model: Any) -> nn.Module:
    """Return the weights of a Keras model as torch knows them, by layer; nothing with another backend."""
    layers = nn.Module()
    for layer in model._flatten_layers(include_self=False):
        inner = [*layer._flatten_layers(include_self=False)]
        values = {item.name: getattr(item, "value", None) for item in layer.trainable_variables}
        weights = {name: value for name, value in values.items() if isinstance(value, nn.Parameter)}
        if weights and not inner:
            own: nn.Module = type(type(layer).__name__, (nn.Module,), {})()
            for name, value in weights.items():
                own.register_parameter(name.replace(".", "_"), value)
            layers.add_module(layer.name.replace(".", "_"), own)
    return layers
