"""How much each searched name explains of how differently the trials went."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np

from goodfit.improvement.sampling import distributions, optuna_values, quiet
from goodfit.improvement.space import Space
from goodfit.improvement.trial import Trial

__all__ = ["FEWEST_TRIALS", "importance"]

FEWEST_TRIALS = 10
MOST_TRIALS = 256
"""Trials that are looked at, about a second of work that grows faster than they; of more, a random part."""


def importance(space: Space, trials: Sequence[Trial], *, higher: bool, seed: int = 0) -> dict[str, float]:
    """Return the share of the variance between trials that each name explains by itself, the largest first.

    Functional ANOVA on a random forest (Hutter, Hoos and Leyton-Brown, *An efficient approach for assessing
    hyperparameter importance*, 2014, by Optuna) of the trials' ranks, so that a few that went astray do not
    decide. Trials that were dropped count by the best value that they reached. The shares are scaled to a
    sum of 1; empty where fewer than 10 trials have a value.
    """
    import optuna

    known = [trial for trial in trials if np.isfinite(trial.value)]
    if len(known) > MOST_TRIALS:
        known = random.Random(seed).sample(known, MOST_TRIALS)
    varied = {name for name in space.dimensions if len({repr(trial.values.get(name)) for trial in known}) > 1}
    values = np.array([-trial.value if higher else trial.value for trial in known])
    if len(known) < FEWEST_TRIALS or not varied or np.ptp(values) == 0:
        return {}
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable") / (len(known) - 1)
    with quiet():
        study = optuna.create_study()
        of = distributions(space)
        for trial, rank in zip(known, ranks, strict=True):
            params = optuna_values(space, trial.values)
            study.add_trial(optuna.trial.create_trial(value=float(rank), params=params, distributions=of))
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=32, max_depth=32, seed=seed)
        found: Mapping[str, float] = optuna.importance.get_param_importances(
            study, evaluator=evaluator, params=[name for name in space.dimensions if name in varied]
        )
    return {name: float(share) for name, share in sorted(found.items(), key=lambda item: -item[1])}
