"""What cannot train is refused before the first step, in a sentence that says what to change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import goodfit
from goodfit.training.randomness import undisturbed

ROWS = 40
X = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(0))
LABELS = (X.sum(1) > 0).long() + (X[:, 0] > 1).long()
VALUES = X.sum(1, keepdim=True)


def net(inputs: int = 4, outputs: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs))


def train(data: Any, **fields: Any) -> goodfit.Run:
    options = {"loss": "cross_entropy", "epochs": 2, "patience": None, "diagnose": False, **fields}
    if "model" not in options:
        options["model"] = net()
    return goodfit.train(data, **options)


def refused(data: Any, *words: str, **fields: Any) -> None:
    """The refusal is one sentence in both languages, comes before any step, and leaves the network alone."""
    model = fields.setdefault("model", net())
    before = {name: value.clone() for name, value in weights_of(model).items()}
    state = torch.get_rng_state()
    with pytest.raises(goodfit.InputError) as caught:
        train(data, **fields)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert caught.value.text("es") != caught.value.text("en")
    assert isinstance(caught.value, ValueError)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in weights_of(model).items())


def weights_of(model: Any) -> dict[str, Tensor]:
    return dict(model.state_dict()) if isinstance(model, nn.Module) else {}


def test_what_does_not_fit_the_network():
    refused((X, LABELS), "4 numbers a row", "takes 6", model=net(inputs=6))
    refused((X.double(), LABELS), ".float()", "float64")
    refused((X.long(), LABELS), ".float()")
    refused((X[:, :, None], LABELS), "takes 4", "(4, 4, 1)")
    refused((X, LABELS), "label 2", "give the last layer 3 units", model=net(outputs=2))
    refused((X, LABELS), "missing 1 required positional", model=nn.Bilinear(4, 4, 3))


def test_what_does_not_fit_the_loss():
    refused((X, LABELS.float()), "target.long()")
    refused((X, VALUES[:, 0]), "unsqueeze(1)", loss="mse", model=net(outputs=1))
    refused((X, VALUES), "output units", loss="mse", model=net(outputs=3))
    refused((X, LABELS - 1), "-1", "negative")
    refused((X, LABELS[:, None]), "squeeze(1)")
    refused((X, VALUES), "between 0 and 1", loss="bce", model=net(outputs=1))
    refused((X, LABELS), "crossentropy", "cross_entropy", loss="crossentropy")
    refused((X, LABELS), "my_loss", loss=my_loss)


def my_loss(outputs: Tensor, target: Tensor) -> float:
    return float(F.cross_entropy(outputs, target))


def test_what_is_no_data():
    refused((X, LABELS[:30]), "40", "30")
    refused((X[:0], LABELS[:0]), "no rows")
    refused(((X, X[:30]), LABELS), "30, 40")
    refused(((x, y) for x, y in [(X, LABELS)]), "generator", "only once")
    refused(X, "without targets")
    refused(np.zeros((3, 4)), "without targets")
    refused((X, np.array(["a", "b"] * 20)), "texts such as 'a'", "0, 1, 2")
    refused((np.array([["x"] * 4] * ROWS), LABELS), "texts such as 'x'")
    refused((X, (LABELS, LABELS)), "several things")
    refused((X, np.array([1j] * ROWS)), "not numbers")
    refused(TensorDataset(X[:0], LABELS[:0]), "no rows")
    refused([], "no rows")
    refused(3, "int")
    refused([(X, LABELS, LABELS)] * 3, "not a pair", "step=")
    refused(TensorDataset(X), "not a pair")
    refused(DataLoader(TensorDataset(X, LABELS), batch_size=8), "batch_size", "8", "16", batch_size=16)
    refused((X, LABELS), "39", valid=(X[:39], LABELS), test=(X, LABELS))


def test_models_that_return_something_else():
    class Several(nn.Module):
        def __init__(self, kind: type) -> None:
            super().__init__()
            self.inner, self.kind = net(), kind

        def forward(self, inputs: Tensor) -> Any:
            outputs = self.inner(inputs)
            return {"logits": outputs} if self.kind is dict else (outputs, inputs)

    refused((X, LABELS), "returns a tuple", model=Several(tuple))
    refused((X, LABELS), "returns a dict", model=Several(dict))
    refused((X, LABELS), "must return a torch.nn.Module", model=lambda: 3)
    run = train(
        (X, LABELS),
        model=Several(dict),
        loss=lambda outputs, target: F.cross_entropy(outputs["logits"], target),
        test=(X, LABELS),
    )
    assert run.history["train_loss"][-1] < run.history["train_loss"][0]
    assert run.evaluation.metrics["loss"].value == pytest.approx(run.history["train_loss"][-1], rel=0.3)


def test_what_is_wrong_with_other_rows_is_said_of_them():
    refused((X, LABELS), "In the valid data: The label 4", valid=(X, LABELS + 4))
    refused((X, LABELS), "valid inputs have 2 numbers", "training inputs have 4", valid=(X[:, :2], LABELS))


def test_an_optimizer_that_is_already_made_is_refused():
    made = torch.optim.SGD(net().parameters(), lr=0.1)
    refused((X, LABELS), "The optimizer is SGD, already made", optimizer=made)


def test_names_that_do_not_exist():
    refused((X, LABELS), "valid_acuracy", "valid_accuracy", monitor="valid_acuracy")
    refused((X, LABELS), "adam", optimizer="adamm")
    refused((X, LABELS), "cosine", schedule="cosin")
    refused((X, LABELS), "constant has no option 'gama'", schedule_options={"gama": 3})
    refused((X, LABELS), "accuracy", metrics=["acuracy"])
    refused((X, LABELS), "rmse", metrics=["rmse"])
    refused((X, LABELS), "learning_rate", learning_rat=0.1)
    refused((X, LABELS), "cpu", device="tpu")
    refused((X, LABELS), "task", task="clustering")
    refused((X, LABELS), "ema", "swa", ema=0.9, swa=0.5)
    refused(
        (X, LABELS),
        "metrics",
        "loss",
        metrics=["accuracy"],
        loss=lambda o, t: o.mean(),
    )


def test_a_schedule_over_batches_that_nobody_counted():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(X[:8], LABELS[:8])] * 3)

    refused(Stream(), "how many batches", schedule="cosine")
    run = train(Stream(), valid=(X, LABELS))
    assert run.history["step"].tolist() == [3, 6]


def test_steps_that_cannot_train():
    def fails(model: nn.Module, batch: Any) -> Tensor:
        return batch["nothing"]

    refused((X, LABELS), "Your step failed", "model and a batch", step=fails, loss="auto")
    refused((X, LABELS), "returned a float", step=lambda model, batch: 1.0, loss="auto")
    refused((X, LABELS), "(4, 3)", step=lambda model, batch: model(batch[0]), loss="auto")
    refused(
        (X, LABELS), "no gradient", step=lambda model, batch: model(batch[0]).detach().mean(), loss="auto"
    )


def test_labels_out_of_range_deep_in_a_dataset_are_named_when_they_come():
    class Deep(Dataset):
        def __len__(self) -> int:
            return ROWS

        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            return X[row], 7 if row == 33 else 0

    with pytest.raises(goodfit.InputError, match="label 7"):
        train(Deep(), valid=(X, LABELS))
    batches = [(X[:8], LABELS[:8]), (X[:8, :3], LABELS[:8])]
    with pytest.raises(goodfit.InputError, match="3 numbers"):
        train(batches, valid=(X, LABELS))


def test_lazy_modules_get_weights_that_follow_from_the_seed():
    class Lazy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(3))

        def forward(self, inputs: Tensor) -> Tensor:
            return self.inner(inputs)

    weights = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        weights.append(train((X, LABELS), model=Lazy).model.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert train((X, LABELS), model=Lazy(), step=lambda m, b: F.cross_entropy(m(b[0]), b[1]), loss="auto")


def test_a_function_builds_with_weights_that_follow_from_the_seed():
    first, second, other = (train((X, LABELS), model=net, seed=seed).model.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["0.weight"], other["0.weight"])


def test_an_own_network_is_initialised_only_when_asked():
    with undisturbed():
        torch.manual_seed(0)
        model = net()
    before = model[0].weight.detach().clone()
    train((X, LABELS), model=model, learning_rate=1e-12)
    torch.testing.assert_close(model[0].weight.detach(), before)
    train((X, LABELS), model=model, learning_rate=1e-12, initialization="orthogonal")
    weight = model[0].weight.detach()
    square = weight.T @ weight
    torch.testing.assert_close(square, torch.eye(4) * square[0, 0], rtol=1e-3, atol=1e-4)


def test_class_weights_by_label_and_balanced():
    by_label = train((X, LABELS), class_weight={0: 1.0, 1: 2.0, 2: 3.0})
    assert by_label.recipe.class_weight == {"0": 1.0, "1": 2.0, "2": 3.0}
    balanced = train((X, LABELS), class_weight="balanced")
    assert balanced.history["train_loss"][0] != by_label.history["train_loss"][0]
    refused((X, LABELS), "class '7'", class_weight={7: 1.0})


def test_named_networks_on_tensors():
    run = goodfit.train(TensorDataset(X, LABELS), hidden=(8,), epochs=2, loss="cross_entropy")
    assert run.recipe.model == "mlp"
    assert run.network["inputs"] == 4
    assert run.network["outputs"] == 3
    with pytest.raises(goodfit.InputError, match="a network of your own"):
        goodfit.train(TensorDataset(X[:, :, None], LABELS), loss="cross_entropy")
