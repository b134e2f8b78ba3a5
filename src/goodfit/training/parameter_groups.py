"""Which parameters of a network share learning rate, weight decay and options."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from goodfit.choice import unknown_option
from goodfit.errors import InputError

__all__ = ["is_decayed", "parameter_groups", "trained_parameters"]

_NORMALIZATION = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)


def trained_parameters(model: nn.Module) -> dict[str, tuple[nn.Module, nn.Parameter]]:
    """Return the parameters that are trained by their full names, each once, with the module they are of."""
    found: dict[str, tuple[nn.Module, nn.Parameter]] = {}
    seen: set[Tensor] = set()
    for prefix, module in model.named_modules():
        for name, parameter in module.named_parameters(prefix, recurse=False):
            if parameter.requires_grad and parameter not in seen:
                seen.add(parameter)
                found[name] = (module, parameter)
    return found


def is_decayed(module: nn.Module, parameter: Tensor) -> bool:
    """Say whether a parameter is a weight: not a bias, nor of a normalisation layer."""
    return parameter.dim() >= 2 and not isinstance(module, _NORMALIZATION)


def parameter_groups(
    model: nn.Module,
    patterns: Mapping[str, Mapping[str, Any]],
    accepted: Collection[str],
    owner: str,
    *,
    weight_decay: float,
    decay_all: bool = False,
    matrices: bool = False,
) -> list[dict[str, Any]]:
    """Return torch's parameter groups, as few as there are different settings, in the order of the network.

    Parameters
    ----------
    patterns
        From patterns of parameter names to ``learning_rate``, ``weight_decay`` and options; the first that
        fits a name decides.
    accepted
        The options that may be given by pattern.
    owner
        The optimizer's name, for messages.
    weight_decay
        Of the parameters that no pattern says it for; biases and normalisation layers get none, whoever says
        it, unless ``decay_all``.
    matrices
        Part matrices (of exactly two dimensions, embeddings excepted) from the rest, by ``use_muon``.

    Raises
    ------
    InputError
        No parameter to train, a pattern that fits none, an unknown option.
    """
    parameters = trained_parameters(model)
    if not parameters:
        raise InputError("optimizer.no-parameters", name=owner)
    given = {
        pattern: _group_settings(pattern, settings, accepted, owner) for pattern, settings in patterns.items()
    }
    for pattern in given:
        if not any(fnmatchcase(name, pattern) for name in parameters):
            names = list(parameters)
            raise InputError(
                "optimizer.pattern", pattern=pattern, known=names[:8] + ["..."] * (len(names) > 8)
            )
    groups: list[dict[str, Any]] = []
    for name, (module, parameter) in parameters.items():
        settings = dict(next((given[pattern] for pattern in given if fnmatchcase(name, pattern)), {}))
        decay = settings.pop("weight_decay", weight_decay)
        settings["weight_decay"] = decay if decay_all or is_decayed(module, parameter) else 0.0
        if matrices:
            settings["use_muon"] = parameter.dim() == 2 and not isinstance(module, nn.Embedding)
        for group in groups:
            if {key: value for key, value in group.items() if key != "params"} == settings:
                group["params"].append(parameter)
                break
        else:
            groups.append({"params": [parameter], **settings})
    return groups


def _group_settings(
    pattern: str, settings: Mapping[str, Any], accepted: Collection[str], owner: str
) -> dict[str, Any]:
    if not isinstance(settings, Mapping):
        raise InputError("optimizer.group-table", pattern=pattern, value=repr(settings))
    result: dict[str, Any] = {}
    for option, value in settings.items():
        if option not in ("learning_rate", "weight_decay") and option not in accepted:
            raise unknown_option(option, ["learning_rate", "weight_decay", *accepted], owner)
        if option in ("learning_rate", "weight_decay") and not (
            isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
        ):
            raise InputError("optimizer.group-value", pattern=pattern, option=option, value=repr(value))
        result["lr" if option == "learning_rate" else option] = (
            tuple(value) if isinstance(value, list) else value
        )
    return result
