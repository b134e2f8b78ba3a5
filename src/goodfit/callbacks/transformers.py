"""`goodfit.watch` for Hugging Face's Trainer."""

from __future__ import annotations

from functools import cache
from typing import Any

from goodfit.callbacks.telling import Watching, library, plain_numbers
from goodfit.watcher import Watch

__all__ = ["trainer_callback"]


def trainer_callback(*, quiet: bool = False, language: str = "en", **facts: Any) -> Any:
    """Return a callback for Hugging Face's Trainer that watches the training and says what is wrong with it.

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
        transformers is not installed.

    Examples
    --------
    ``Trainer(model, arguments, train_dataset=..., eval_dataset=..., callbacks=[trainer_callback()])``
    """
    return _class()(quiet, language, facts)


@cache
def _class() -> Any:
    base = library("transformers", "transformers").TrainerCallback

    class GoodfitCallback(Watching, base):  # type: ignore[misc, valid-type]
        def __init__(self, quiet: bool, language: str, facts: dict[str, Any]) -> None:
            super().__init__(quiet, language, facts)
            self.logged: list[float] = []

        def on_train_begin(
            self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **others: Any
        ) -> None:
            self.watch = Watch(model, optimizer, name=type(model).__name__, **self.facts)

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if self.watch is not None:
                self.watch.before_update()

        def on_optimizer_step(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if self.watch is not None:
                self.watch.after_update()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **others: Any) -> None:
            if logs and "loss" in logs:
                self.logged += plain_numbers({"loss": logs["loss"]}).values()

        def on_evaluate(
            self, args: Any, state: Any, control: Any, metrics: Any = None, **others: Any
        ) -> None:
            numbers = plain_numbers(metrics or {})
            told = {
                f"valid_{name.removeprefix('eval_')}": value
                for name, value in numbers.items()
                if name.startswith("eval_") and not name.endswith(("runtime", "per_second"))
            }
            self._point(state, told)

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if args.eval_strategy == "no":
                self._point(state, {})

        def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if self.watch is None:
                return
            if args.eval_strategy == "no":
                self._point(state, {})
            self.end_watch()

        def _point(self, state: Any, told: dict[str, float]) -> None:
            if self.watch is None or not (told or self.logged):
                return
            train_loss = sum(self.logged) / len(self.logged) if self.logged else None
            self.logged = []
            self.watch.epoch(train_loss, epoch=state.epoch, **told)

    return GoodfitCallback
