"""`goodfit.watch` for skorch."""

from __future__ import annotations

from functools import cache
from typing import Any

from goodfit.callbacks.telling import Watching, library, plain_numbers, told_epoch
from goodfit.watcher import Watch

__all__ = ["skorch_callback"]


def skorch_callback(*, quiet: bool = False, language: str = "en", **facts: Any) -> Any:
    """Return a callback for skorch's nets that watches the training and says what is wrong with it.

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
        skorch is not installed.

    Examples
    --------
    ``NeuralNetClassifier(net, callbacks=[skorch_callback(classes=10)]).fit(x, y)``
    """
    return _class()(quiet, language, facts)


@cache
def _class() -> Any:
    base = library("skorch.callbacks", "skorch").Callback

    class GoodfitCallback(Watching, base):  # type: ignore[misc, valid-type]
        def on_train_begin(self, net: Any, **others: Any) -> None:
            self.watch = Watch(net.module_, net.optimizer_, name=type(net.module_).__name__, **self.facts)

        def on_grad_computed(
            self, net: Any, named_parameters: Any, training: bool = False, **others: Any
        ) -> None:
            if self.watch is not None and training:
                self.watch.before_update()

        def on_batch_end(self, net: Any, training: bool = False, loss: Any = None, **others: Any) -> None:
            if self.watch is not None and training:
                self.watch.after_update()
                self.watch.note_loss(loss)

        def on_epoch_end(self, net: Any, **others: Any) -> None:
            if self.watch is not None:
                row = plain_numbers(net.history[-1])
                number = row.pop("epoch", None)
                told_epoch(self.watch, row, number)

        def on_train_end(self, net: Any, **others: Any) -> None:
            self.end_watch()

    return GoodfitCallback
