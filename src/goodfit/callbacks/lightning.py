"""`goodfit.watch` for Lightning."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from goodfit.callbacks.telling import Watching, library, told_epoch
from goodfit.watcher import Watch

__all__ = ["lightning_callback"]


def lightning_callback(*, quiet: bool = False, language: str = "en", **facts: Any) -> Any:
    """Return a callback for Lightning's Trainer that watches the training and says what is wrong with it.

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
        Lightning is not installed.

    Examples
    --------
    ``Trainer(callbacks=[lightning_callback(classes=10)]).fit(module, train_loader, valid_loader)``
    """
    older = "pytorch_lightning" in sys.modules and "lightning" not in sys.modules
    return _class("pytorch_lightning" if older else "lightning.pytorch")(quiet, language, facts)


@cache
def _class(name: str) -> Any:
    base = library(name, name.partition(".")[0].replace("_", "-")).Callback

    class GoodfitCallback(Watching, base):  # type: ignore[misc, valid-type]
        def __init__(self, quiet: bool, language: str, facts: dict[str, Any]) -> None:
            super().__init__(quiet, language, facts)
            self.validated = self.pending = False

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            optimizer = trainer.optimizers[0] if trainer.optimizers else None
            self.watch = Watch(pl_module, optimizer, name=type(pl_module).__name__, **self.facts)

        def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
            if self.watch is not None:
                self.watch.before_update()
                self.pending = True

        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            if self.watch is None:
                return
            if self.pending:
                self.watch.after_update()
                self.pending = False
            self.watch.note_loss(outputs["loss"] if isinstance(outputs, dict) else outputs)

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            self.validated = not trainer.sanity_checking

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if self.watch is None:
                return
            # Without a validation in this epoch, those of an earlier one are still there.
            metrics = trainer.callback_metrics if self.validated else {}
            told_epoch(
                self.watch,
                {name: value for name, value in metrics.items() if not name.startswith("train")},
                trainer.current_epoch + 1,
            )
            self.validated = False

        def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
            self.end_watch()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            self.end_watch()

    return GoodfitCallback
