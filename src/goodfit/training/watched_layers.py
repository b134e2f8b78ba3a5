"""The layers of a network that somebody else's loop trains, looked at around some of its updates.

Nothing that is measured changes the training: few rows that have just been trained on go through the network
once more, and modes, buffers and random states are put back as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from goodfit.probes import ParameterFacts
from goodfit.training.probing import parameter_facts
from goodfit.training.randomness import undisturbed
from goodfit.training.recent_batches import RecentBatches
from goodfit.training.vitals import KeptGradients, layer_rows, measured_at, weights_now
from goodfit.vitals import LayerRow

__all__ = ["WatchedLayers"]


class WatchedLayers:
    """Looks at layers, gradients and updates, and counts the updates.

    Parameters
    ----------
    optimizer
        What updates the network; None where only `updated` tells of it.
    wanted
        Whether to look, or to count alone.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer | None, *, wanted: bool) -> None:
        self.updates = 0
        self.rows: list[LayerRow] = []
        self.parameters: tuple[ParameterFacts, ...] | None = None
        self.followed = False
        self._model, self._optimizer, self._wanted = model, optimizer, wanted
        self._handles: list[Any] = []
        self._calls = RecentBatches(model) if wanted else None
        self._kept: KeptGradients | None = None
        self._found_kept: Mapping[int, bool] = {}
        self._before: list[Tensor] | None = None
        self._latest: list[LayerRow] = []
        self._epochs = 0
        self._before_this_epoch = 0
        self._per_epoch: int | None = None
        self._prepare()

    def follow(self) -> None:
        """Notice every update of the optimizer, if there is one."""
        optimizer = self._optimizer
        if optimizer is None:
            return
        self.followed = True
        self._handles += [
            optimizer.register_step_pre_hook(lambda *_: self.before_update()),
            optimizer.register_step_post_hook(lambda *_: self.after_update()),
        ]

    def before_update(self) -> None:
        """Look at the gradients, which are whole now."""
        if not self._wanted or not self._due():
            return
        self._end_kept()
        if self.updates == 0 and self._calls is not None and self._calls.some:
            start = self._seen(None, training=True)
            self.rows = [{**row, "epoch": 0.0} for row in start]
        self._before = weights_now(self._model)

    def after_update(self) -> None:
        """Look at the update that was made, and at the layers after it."""
        if self._wanted and self._before is not None:
            self._end_kept()
            self._latest = self._seen(self._before, training=False) or self._latest
            self._note_parameters()
            self._before = None
        self._count()

    def updated(self) -> None:
        """Look at the layers after an update that nobody announced."""
        if self._wanted and (self._before is not None or self._kept is not None):
            self._end_kept()
            self._latest = self._seen(self._before, training=False) or self._latest
            self._before = None
        self._count()

    def end_epoch(self, epoch: float, *, finite: bool) -> None:
        """Keep what was seen last as that of ``epoch``, if it is one to be kept or the loss is not finite."""
        self._epochs += 1
        if self._latest and (measured_at(self._epochs) or not finite):
            stamp = epoch if epoch > 0 else float(self._epochs)
            self.rows += [{**layer, "epoch": stamp} for layer in self._latest]
        self._latest = []
        self._per_epoch = self.updates - self._before_this_epoch
        self._before_this_epoch = self.updates
        self._prepare()

    def close(self) -> None:
        """Look no more; what was seen stays."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._wanted = self.followed = False
        if self._calls is not None:
            self._calls.stop()
        if self._kept is not None:
            self._kept.end()
            self._kept = None

    def _count(self) -> None:
        self.updates += 1
        self._prepare()

    def _end_kept(self) -> None:
        if self._kept is not None:
            self._found_kept, self._kept = self._kept.end(), None

    def _due(self) -> bool:
        """Say whether the layers are looked at in an update to come: an epoch's last, or often at first."""
        if not measured_at(self._epochs + 1):
            return False
        place = self.updates - self._before_this_epoch
        if self._per_epoch:
            return place == self._per_epoch - 1
        return place & (place + 1) == 0  # steps 1, 2, 4, 8, ...: the last of them stands for the epoch

    def _prepare(self) -> None:
        """Remember batches where a look is near, and note what gradients the next one finds."""
        if not self._wanted or self._calls is None:
            return
        place = self.updates - self._before_this_epoch
        last = self._per_epoch - 1 if self._per_epoch else (1 << place.bit_length()) - 1
        if measured_at(self._epochs + 1) and place <= last < place + self._calls.needed:
            self._calls.start()
        else:
            self._calls.stop()
        if self._due() and self._kept is None:
            if self._optimizer is None:
                self._before = weights_now(self._model)
            self._kept = KeptGradients(self._optimized())

    def _optimized(self) -> list[Tensor]:
        if self._optimizer is None:
            return [*self._model.parameters()]
        return [weight for group in self._optimizer.param_groups for weight in group["params"]]

    def _seen(self, before: list[Tensor] | None, *, training: bool) -> list[LayerRow]:
        modes = [(module, module.training) for module in self._model.modules()]
        calls = self._calls
        assert calls is not None

        def again() -> None:
            if training:
                for module, mode in modes:
                    module.training = mode
            calls.again()

        buffers = [(buffer, buffer.detach().clone()) for buffer in self._model.buffers()]
        with undisturbed(), suppress(RuntimeError, ValueError, TypeError, KeyError, AttributeError):
            try:
                return layer_rows(self._model, before, again, self._epochs + 1, self._found_kept)
            finally:
                for module, mode in modes:
                    module.training = mode
                with torch.no_grad():
                    for buffer, value in buffers:
                        buffer.copy_(value)
        return []

    def _note_parameters(self) -> None:
        if self._optimizer is None:
            return
        facts = parameter_facts(self._model, [self._optimizer])
        once = {fact.name for fact in self.parameters or () if fact.has_gradient}
        self.parameters = tuple(
            replace(fact, has_gradient=fact.has_gradient or fact.name in once) for fact in facts
        )
