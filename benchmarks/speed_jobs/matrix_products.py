"""A bound: only the matrix products of forward and backward, into memory that is there; no network at all."""

from __future__ import annotations

import torch
from clock import Clock
from jobs import WARM_UP, asked


def main() -> None:
    job, _, _ = asked()
    rows = job.batch_size
    shapes = list(zip(job.layers[:-1], job.layers[1:], strict=True))
    inputs = [torch.randn(rows, width) for width, _ in shapes]
    gradients = [torch.randn(rows, width) for _, width in shapes]
    weights = [torch.randn(out, width) for width, out in shapes]
    to_outputs = [torch.empty(rows, out) for _, out in shapes]
    to_weights = [torch.empty(out, width) for width, out in shapes]
    to_inputs = [torch.empty(rows, width) for width, _ in shapes]
    clock = Clock()
    for _ in range(WARM_UP + job.epochs):
        for _ in range(job.steps):
            for x, w, out in zip(inputs, weights, to_outputs, strict=True):
                torch.mm(x, w.t(), out=out)
            for layer in reversed(range(len(shapes))):
                torch.mm(gradients[layer].t(), inputs[layer], out=to_weights[layer])
                if layer:
                    torch.mm(gradients[layer], weights[layer], out=to_inputs[layer])
        clock.epoch()
    clock.report(job, threads=torch.get_num_threads(), version=torch.__version__)


main()
