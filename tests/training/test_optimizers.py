from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from tests.training.contract import EXTRA_CASES, OPTIMIZER_CASES, OptimizerCase, convex_problem
from torch import nn, optim

from goodfit.errors import InputError
from goodfit.models.mlp import MLP
from goodfit.training.optimizers import (
    backward_with_graph,
    learning_rate_of,
    make_optimizer,
    optimizer_facts,
    set_learning_rate,
)

ALL = pytest.mark.parametrize("case", [*OPTIMIZER_CASES, *EXTRA_CASES], ids=lambda case: case.name)


def train(case: OptimizerCase, steps: int, spec=None) -> tuple[nn.Module, list[float]]:
    model, inputs, target = convex_problem()
    facts = optimizer_facts(spec or case.name)
    optimizer = make_optimizer(spec or case.name, model, learning_rate=case.rate, options=case.options)

    def gradients():
        optimizer.zero_grad()
        loss = F.mse_loss(model(inputs), target)
        if facts.needs_create_graph:
            backward_with_graph(loss, optimizer)
        else:
            loss.backward()
        return loss

    losses = [F.mse_loss(model(inputs), target).item()]
    if facts.has_train_mode:
        optimizer.train()
    for _ in range(steps):
        if facts.needs_closure:
            optimizer.step(gradients)
        else:
            gradients()
            optimizer.step()
    if facts.has_train_mode:
        optimizer.eval()
    return model, [*losses, F.mse_loss(model(inputs), target).item()]


@ALL
def test_every_optimizer_brings_a_convex_problem_down(case):
    torch.manual_seed(0)
    _, (first, last) = train(case, 60)
    assert last < case.share * first


@pytest.mark.parametrize(
    "case", [case for case in OPTIMIZER_CASES if case.by_hand], ids=lambda case: case.name
)
def test_torchs_optimizers_match_those_made_by_hand(case):
    ours, _ = train(case, 25)
    theirs, inputs, target = convex_problem()
    optimizer = case.by_hand(list(theirs.parameters()), case.rate)

    def gradients():
        optimizer.zero_grad()
        loss = F.mse_loss(theirs(inputs), target)
        loss.backward()
        return loss

    for _ in range(25):
        optimizer.step(gradients)
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_adam_matches_the_paper():
    ours, _ = train(OptimizerCase("adam", 0.05), 10)
    theirs, inputs, target = convex_problem()
    weight, first, second = theirs.weight, 0.0, 0.0
    bias, bias_first, bias_second = theirs.bias, 0.0, 0.0
    for step in range(1, 11):
        gradient, bias_gradient = torch.autograd.grad(F.mse_loss(theirs(inputs), target), [weight, bias])
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        bias_first = 0.9 * bias_first + 0.1 * bias_gradient
        bias_second = 0.999 * bias_second + 0.001 * bias_gradient**2
        with torch.no_grad():
            for parameter, m, v in ((weight, first, second), (bias, bias_first, bias_second)):
                parameter.sub_(0.05 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8))
    torch.testing.assert_close(ours.weight, weight, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(ours.bias, bias, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["yogi", "lion", "adan", "schedulefreeadamw", "adahessian", "sophiah"])
def test_extra_optimizers_match_the_library_by_hand(name):
    library = pytest.importorskip("pytorch_optimizer")
    torch.manual_seed(3)
    ours, _ = train(OptimizerCase(name, 0.02), 15)
    torch.manual_seed(3)
    theirs, inputs, target = convex_problem()
    optimizer = library.load_optimizer(name)(theirs.parameters(), lr=0.02)
    facts = optimizer_facts(name)
    if facts.has_train_mode:
        optimizer.train()
    for _ in range(15):
        optimizer.zero_grad()
        loss = F.mse_loss(theirs(inputs), target)
        gradients = torch.autograd.grad(loss, list(theirs.parameters()), create_graph=True)
        for parameter, gradient in zip(theirs.parameters(), gradients, strict=True):
            parameter.grad = gradient if facts.needs_create_graph else gradient.detach()
        optimizer.step()
    if facts.has_train_mode:
        optimizer.eval()
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_sharpness_aware_steps_match_the_library_by_hand():
    library = pytest.importorskip("pytorch_optimizer")
    ours, _ = train(OptimizerCase("sam", 0.05, options={"base": "momentum", "rho": 0.1}), 10)
    theirs, inputs, target = convex_problem()
    optimizer = library.SAM(theirs.parameters(), optim.SGD, rho=0.1, lr=0.05, momentum=0.9)
    for _ in range(10):

        def gradients():
            optimizer.zero_grad()
            F.mse_loss(theirs(inputs), target).backward()

        gradients()
        optimizer.step(gradients)
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-5, atol=1e-6)


def test_quirks_are_known():
    assert optimizer_facts("lbfgs").needs_closure
    assert optimizer_facts("adam").elementwise
    assert not optimizer_facts("muon").elementwise
    pytest.importorskip("pytorch_optimizer")
    assert optimizer_facts("schedulefreeadamw").has_train_mode
    assert optimizer_facts("adahessian").needs_create_graph
    assert optimizer_facts("sam").needs_closure
    assert not optimizer_facts("conda").resumable


def test_the_fast_implementations_of_torch_are_used():
    assert make_optimizer("adam", nn.Linear(2, 1), learning_rate=0.1).param_groups[0]["fused"]
    assert make_optimizer("nadam", nn.Linear(2, 1), learning_rate=0.1).param_groups[0]["foreach"]


def test_without_decay_or_groups_there_is_one_group():
    assert len(make_optimizer("adam", MLP(2, (), (4,), 1), learning_rate=0.1).param_groups) == 1


def test_classes_partials_and_functions_are_taken():
    model = nn.Linear(2, 1)
    assert isinstance(make_optimizer(optim.SGD, model, learning_rate=0.1, momentum=0.5), optim.SGD)
    made = make_optimizer(partial(optim.Adam, betas=(0.5, 0.6)), model, learning_rate=0.1)
    assert made.param_groups[0]["betas"] == (0.5, 0.6)
    assert optimizer_facts(partial(optim.LBFGS, max_iter=3)).needs_closure
    assert make_optimizer(optim.LBFGS, model, learning_rate=0.5).param_groups[0]["lr"] == 0.5
    library = pytest.importorskip("pytorch_optimizer")
    assert optimizer_facts(library.ScheduleFreeSGD).has_train_mode
    assert optimizer_facts(partial(library.AdaHessian, hessian_power=0.5)).needs_create_graph


def test_the_factor_scales_every_groups_own_rate():
    model = MLP(2, (), (4,), 1)
    options = {"groups": {"output.*": {"learning_rate": 0.01}}}
    optimizer = make_optimizer("sgd", model, learning_rate=0.1, options=options)
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.005]
    set_learning_rate(optimizer, 1.0)
    assert learning_rate_of(optimizer) == 0.1


@pytest.mark.skipif(not hasattr(optim, "Muon"), reason="torch has Muon since 2.9")
def test_muon_moves_matrices_by_muon_and_the_rest_by_adamw():
    torch.manual_seed(0)
    model = MLP(8, (), (8,), 3)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimizer = make_optimizer("muon", model, learning_rate=0.01, weight_decay=0.0)
    model(torch.randn(16, 8)).square().sum().backward()
    optimizer.step()
    moved = {name: parameter.detach() - before[name] for name, parameter in model.named_parameters()}
    # AdamW's first step is the gradient's sign times the rate; Muon's is nearly orthogonal.
    torch.testing.assert_close(moved["hidden1.bias"].abs().max(), torch.tensor(0.01))
    singular = torch.linalg.svdvals(moved["hidden1.weight"]) / (0.01 * 0.2 * math.sqrt(8))
    assert 0.5 < singular.median() < singular.max() < 1.5


def test_second_order_gradients_accumulate_and_can_be_differentiated():
    model, inputs, target = convex_problem()
    optimizer = make_optimizer("sgd", model, learning_rate=0.1)
    for half in (slice(0, 32), slice(32, 64)):
        backward_with_graph(F.mse_loss(model(inputs[half]), target[half]) / 2, optimizer)
    (expected,) = torch.autograd.grad(F.mse_loss(model(inputs), target), [model.weight])
    torch.testing.assert_close(model.weight.grad.detach(), expected)
    assert model.weight.grad.requires_grad


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"spec": "adma"}, "optimizer.unknown-near"),
        ({"spec": "§"}, "optimizer.unknown"),
        ({"spec": "adam", "options": {"beta": 1}}, "option.unknown"),
        ({"spec": "adam", "options": {"lr": 1}}, "option.unknown"),
        ({"spec": "adam", "options": {"betas": [0.9]}}, "optimizer.option-length"),
        ({"spec": "adam", "options": {"betas": [0.9, 1.5]}}, "optimizer.refused"),
        ({"spec": "adam", "options": {"eps": "small"}}, "optimizer.option-type"),
        ({"spec": "adam", "options": {"amsgrad": 1}}, "optimizer.option-type"),
        ({"spec": "adam", "options": {"eps": -1.0}}, "optimizer.refused"),
        ({"spec": "adam", "momentum": 0.9}, "optimizer.no-momentum"),
        ({"spec": "lbfgs", "weight_decay": 0.1}, "optimizer.no-weight-decay"),
        ({"spec": "lbfgs", "options": {"groups": {"weight": {"learning_rate": 1}}}}, "optimizer.one-group"),
        ({"spec": "sgd", "learning_rate": -1.0}, "optimizer.refused"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments, code):
    with pytest.raises(InputError) as error:
        make_optimizer(**{"learning_rate": 0.1, "model": nn.Linear(2, 1), **arguments})
    assert error.value.code == code
    assert error.value.text("es") != error.value.text("en")


def test_the_refusal_of_an_option_names_those_there_are():
    with pytest.raises(InputError, match="amsgrad, betas"):
        make_optimizer("adam", nn.Linear(2, 1), learning_rate=0.1, options={"nesterof": True})


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"spec": "lomo"}, "optimizer.not-served"),
        ({"spec": "adabelif"}, "optimizer.unknown-near"),
        ({"spec": "yogi", "options": {"betas": [1.0, 2.0]}}, "optimizer.refused"),
        ({"spec": "yogi", "options": {"nonsense": 1}}, "option.unknown"),
        ({"spec": "ranger21"}, "optimizer.refused"),
        ({"spec": "sam", "options": {"base": "adma"}}, "optimizer.unknown-near"),
    ],
)
def test_what_cannot_be_made_of_the_extra_is_refused(arguments, code):
    pytest.importorskip("pytorch_optimizer")
    with pytest.raises(InputError) as error:
        make_optimizer(**{"learning_rate": 0.1, "model": nn.Linear(2, 1), **arguments})
    assert error.value.code == code


def test_without_the_extra_its_names_say_how_to_install_it(monkeypatch):
    from goodfit.training import extra_optimizers

    def missing():
        raise ImportError

    monkeypatch.setattr(extra_optimizers, "_library", missing)
    assert extra_optimizers.extra_names() == []
    with pytest.raises(InputError, match=r"pip install 'goodfit\[optimizers\]'"):
        optimizer_facts("yogi")
    with pytest.raises(InputError, match="did you mean 'adam'"):
        optimizer_facts("adamm")
