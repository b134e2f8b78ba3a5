"""A bound: JAX, the whole epoch one compiled `lax.scan`; nothing can be looked at between two steps."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from clock import Clock
from jobs import SEED, WARM_UP, asked, read_arrays

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def outputs_of(weights: Any, inputs: Any) -> Any:
    for matrix, bias in weights[:-1]:
        inputs = jax.nn.relu(inputs @ matrix + bias)
    matrix, bias = weights[-1]
    return inputs @ matrix + bias


def loss_of(weights: Any, inputs: Any, target: Any) -> Any:
    logs = jax.nn.log_softmax(outputs_of(weights, inputs))
    return -jnp.take_along_axis(logs, target[:, None], 1).mean()


def main() -> None:
    job, folder, _ = asked()
    clock = Clock()
    x, y, valid_x, valid_y = (jnp.asarray(array) for array in read_arrays(job, folder))
    keys = jax.random.split(jax.random.key(SEED), len(job.layers))
    weights = [
        (jax.random.normal(key, (inputs, outputs)) / inputs**0.5, jnp.zeros(outputs))
        for key, inputs, outputs in zip(keys, job.layers[:-1], job.layers[1:], strict=False)
    ]
    zeros = jax.tree.map(jnp.zeros_like, weights)
    whole = job.rows // job.batch_size * job.batch_size

    def step(state: Any, rows: Any) -> Any:
        weights, first, second, count = state
        loss, gradient = jax.value_and_grad(loss_of)(weights, x[rows], y[rows])
        count = count + 1
        first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradient)
        rate = job.learning_rate * jnp.sqrt(1 - BETA2**count) / (1 - BETA1**count)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second)
        return (weights, first, second, count), loss

    @jax.jit
    def epoch(state: Any, key: Any) -> Any:
        order = jax.random.permutation(key, job.rows)
        state, losses = jax.lax.scan(step, state, order[:whole].reshape(-1, job.batch_size))
        if whole < job.rows:
            state, _ = step(state, order[whole:])
        right = outputs_of(state[0], valid_x).argmax(1) == valid_y
        return state, (losses.mean(), loss_of(state[0], valid_x, valid_y), right.mean())

    state = (weights, zeros, zeros, jnp.zeros(()))
    for number in range(WARM_UP + job.epochs):
        state, measured = epoch(state, jax.random.fold_in(keys[-1], number))
        [float(value) for value in measured]
        clock.epoch()
    clock.report(job, version=jax.__version__)


main()
