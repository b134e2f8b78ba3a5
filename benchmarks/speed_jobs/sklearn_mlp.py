"""scikit-learn's MLPClassifier, its validation after each epoch switched on.

It has no callback: the time of the first epoch alone is taken off the time of them all.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import sklearn
from clock import print_measured
from jobs import SEED, WARM_UP, asked, read_arrays
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    job, folder, _ = asked()
    x, y, valid_x, valid_y = read_arrays(job, folder)
    inputs, target = np.concatenate([x, valid_x]), np.concatenate([y, valid_y])

    def fit(epochs: int) -> float:
        network = MLPClassifier(
            hidden_layer_sizes=job.layers[1:-1],
            batch_size=job.batch_size,
            learning_rate_init=job.learning_rate,
            alpha=0.0,
            max_iter=epochs,
            early_stopping=True,
            validation_fraction=job.valid_rows / len(inputs),
            n_iter_no_change=epochs + 1,
            random_state=SEED,
        )
        start = time.perf_counter()
        network.fit(inputs, target)
        return time.perf_counter() - start

    fit(WARM_UP)
    first = fit(WARM_UP)
    print_measured(fit(WARM_UP + job.epochs) - first, job.epochs, version=sklearn.__version__)


main()
