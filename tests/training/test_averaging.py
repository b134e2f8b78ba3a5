from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, update_bn

from goodfit.errors import InputError
from goodfit.models.mlp import MLP
from goodfit.training.averaging import WeightAverage, reestimate_batchnorm


def network() -> MLP:
    torch.manual_seed(0)
    return MLP(3, (), (4,), 2, normalization="batch")


def walk(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
        model.train()
        model(torch.randn(16, 3, generator=generator))


def assert_same(one: nn.Module, two: nn.Module) -> None:
    for (name, first), second in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        torch.testing.assert_close(first, second, msg=name)


def test_swa_is_torchs():
    model = network()
    oracle = AveragedModel(model, use_buffers=False)
    average = WeightAverage(model, None)
    for seed in range(5):
        walk(model, seed)
        oracle.update_parameters(model)
        average.update()
    average.copy_to_model()
    for one, two in zip(model.parameters(), oracle.module.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def test_ema_is_torchs_once_it_is_warm():
    model = network()
    average = WeightAverage(model, 0.5)
    average.updates = 1000
    oracle = AveragedModel(model, avg_fn=get_ema_avg_fn(0.5))
    oracle.n_averaged.fill_(1)
    for seed in range(5):
        walk(model, seed)
        oracle.update_parameters(model)
        average.update()
    average.copy_to_model()
    for one, two in zip(model.parameters(), oracle.module.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def test_the_first_updates_soon_forget_the_start():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = WeightAverage(model, 0.999)
    nn.init.ones_(model.weight)
    for _ in range(50):
        average.update()
    assert average.state()[0]["weight"].item() > 0.99


def test_buffers_are_averaged_and_counts_copied():
    model = network()
    average = WeightAverage(model, None)
    means = []
    for seed in range(3):
        walk(model, seed)
        means.append(model.normalization1.running_mean.clone())
        average.update()
    tensors, _ = average.state()
    torch.testing.assert_close(tensors["normalization1.running_mean"], torch.stack(means).mean(0))
    assert tensors["normalization1.num_batches_tracked"] == 3


def test_applied_carries_the_average_and_puts_the_weights_back_even_after_an_error():
    model = network()
    average = WeightAverage(model, None)
    assert not average.ready
    walk(model, 1)
    average.update()
    walk(model, 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def fail() -> None:
        with average.applied():
            assert torch.equal(model.output.weight, average.state()[0]["output.weight"])
            assert not torch.equal(model.output.weight, before["output.weight"])
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert average.ready


@pytest.mark.parametrize("decay", [None, 0.9])
def test_it_goes_on_from_its_state_bit_for_bit(decay):
    model = network()
    straight = WeightAverage(model, decay)
    half = None
    for seed in range(6):
        walk(model, seed)
        straight.update()
        if half is None and seed == 2:
            tensors, facts = straight.state()
            half = WeightAverage(network(), decay)
            half._model, half._weights = model, straight._weights
            half.load(
                {name: tensor.clone() for name, tensor in tensors.items()}, json.loads(json.dumps(facts))
            )
        elif half is not None:
            half.update()
    for name, tensor in straight.state()[0].items():
        assert torch.equal(tensor, half.state()[0][name])


def test_the_state_of_another_network_is_refused():
    tensors, facts = WeightAverage(nn.Linear(2, 1), None).state()
    with pytest.raises(InputError) as error:
        WeightAverage(network(), None).load(tensors, facts)
    assert error.value.code == "average.other-network"
    assert error.value.text("es") != error.value.text("en")


@pytest.mark.parametrize("form", ["tensor", "tuple", "dict"])
def test_batchnorm_is_estimated_anew_as_torch_does(form):
    ours, theirs = network(), network()
    ours.normalization1.eval()
    batches = torch.randn(5, 16, 3, generator=torch.Generator().manual_seed(0))
    update_bn(list(batches), theirs)
    shapes = {"tensor": lambda x: x, "tuple": lambda x: (x,), "dict": lambda x: {"numbers": x}}
    reestimate_batchnorm(ours, map(shapes[form], batches))
    assert_same(ours, theirs)
    assert ours.training
    assert not ours.normalization1.training
    assert ours.normalization1.momentum == 0.1


def test_without_batchnorm_no_batch_is_looked_at():
    def batches():
        raise AssertionError
        yield

    reestimate_batchnorm(nn.Linear(2, 1), batches())
