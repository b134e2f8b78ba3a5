from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import goodfit
from goodfit.models.ensemble import Ensemble
from goodfit.recipe import Recipe
from goodfit.workflow.bagging import can_bag, other_parts
from goodfit.workflow.tables import TableOptions, table_parts

QUICK = {"model": "mlp", "hidden": (8,), "epochs": 4, "learning_rate": 0.01}


def table(rows: int = 120) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2))
    label = np.where(x[:, 0] + 0.5 * rng.normal(size=rows) > 0, "up", "down")
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "kind": ["p", "q", "r"] * (rows // 3), "label": label})


@settings(max_examples=20)
@given(rows=st.integers(60, 200), bag=st.integers(3, 7), seed=st.integers(0, 5))
def test_each_row_that_is_not_of_the_test_validates_one_network(rows: int, bag: int, seed: int):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"x": rng.normal(size=rows), "y": rng.normal(size=rows)})
    parts = table_parts(frame, "y", recipe=Recipe(seed=seed), options=TableOptions("regression"))
    divisions = [parts, *other_parts(parts, bag, seed)]
    assert len(divisions) == bag
    own = sorted(_all(parts.train, parts.valid))
    for one in divisions:
        assert sorted(_all(one.train, one.valid)) == own
    assert sorted(value for one in divisions for value in _all(one.valid)) == own


def _all(*parts) -> list[float]:
    return [value for part in parts for value in part.content[0][:, 0].tolist()]


def test_classes_keep_their_shares():
    parts = table_parts(table(), "label", recipe=Recipe())
    shares = [
        float((one.valid.content[1] == 1).float().mean()) for one in (parts, *other_parts(parts, 5, seed=0))
    ]
    assert max(shares) - min(shares) < 0.1


def test_the_model_is_the_average_and_each_row_tempers_by_the_network_that_left_it_out(tmp_path):
    frame = table()
    run = goodfit.train(frame, target="label", bag=3, folder=tmp_path / "run", **QUICK)
    assert isinstance(run.model, Ensemble)
    assert len(run.model.members) == len(run.repeats) == run.recipe.bag == 3
    split = run.table.split
    assert run.calibration.rows == len(split.train) + len(split.valid)
    notes = [note.code for note in run.notes]
    assert {"training.note.too-sure", "training.note.too-unsure"} & set(notes)
    assert "training.note.held-out-in-turn" in notes
    inputs = torch.randn(4, 2), torch.zeros(4, 1, dtype=torch.int64)
    with torch.no_grad():
        each = torch.stack([member(*inputs).softmax(1) for member in run.model.members])
        assert torch.allclose(run.model(*inputs).softmax(1), each.mean(0), atol=1e-6)
    loaded = goodfit.load(tmp_path / "run")
    assert loaded.predict(frame).equals(run.predict(frame))
    assert [len(history) for history in loaded.repeats.histories] == [4, 4, 4]
    assert "average" in " ".join(run.repeats.sentences("log_loss"))
    assert run.report(tmp_path / "report.html").stat().st_size > 0


@pytest.mark.parametrize("how", [{"bag": 3}, {"folds": 2, "ensemble": True}, {"seeds": 2, "ensemble": True}])
def test_what_bins_its_numbers_is_loaded_as_it_was(tmp_path, how):
    rng = np.random.default_rng(0)
    frame = table().with_columns(a=pl.Series(rng.integers(0, 9, 120) ** 2 * 0.1))
    run = goodfit.train(
        frame, target="label", model="tabm", hidden=(8,), members=2, epochs=3, folder=tmp_path / "run", **how
    )
    assert goodfit.load(tmp_path / "run").predict(frame).equals(run.predict(frame))


def test_its_recipe_gives_it_again():
    first = goodfit.train(table(), target="label", bag=3, **QUICK)
    again = goodfit.train(table(), target="label", recipe=first.recipe)
    assert again.predict(table()).equals(first.predict(table()))


def test_networks_of_several_kinds_count_by_the_rows_they_left_out(tmp_path):
    frame = table()
    options = {**QUICK, "bag": 3, "stack": ("linear",)}
    run = goodfit.train(frame, target="label", folder=tmp_path / "run", **options)
    kinds = [type(member).__name__ + str(len(member)) for member in run.model.members]
    assert kinds == ["MLP3"] * 3 + ["MLP1"] * 3
    weights = run.model.weights
    assert float(weights.sum()) == pytest.approx(1)
    assert len(set(weights[:3].tolist())) == len(set(weights[3:].tolist())) == 1
    (note,) = [note for note in run.notes if note.code == "training.note.stacked"]
    assert note.values["shares"][0] == f"mlp {float(weights[:3].sum()):.1%}"
    loaded = goodfit.load(tmp_path / "run")
    assert loaded.predict(frame).equals(run.predict(frame))
    assert len(run.predict(frame, disagreement=True)["disagreement"]) == len(frame)
    again = goodfit.train(frame, target="label", recipe=loaded.recipe)
    assert again.predict(frame).equals(run.predict(frame))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"stack": ("linear",)}, "training.stack-without-bag"),
        ({"seeds": 2, "stack": ("linear",)}, "training.stack-without-bag"),
        ({"bag": 3, "stack": "mlp"}, "training.stack-twice"),
        ({"bag": 3, "stack": ("liner",)}, "model.unknown-near"),
    ],
)
def test_what_cannot_be_stacked_is_refused(fields, code):
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(table(), target="label", **QUICK, **fields)
    assert error.value.code == code


def test_what_bins_its_numbers_is_stacked_and_loaded_as_it_was(tmp_path):
    options = {**QUICK, "bag": 3, "stack": "tabm", "members": 2}
    run = goodfit.train(table(), target="label", folder=tmp_path / "run", **options)
    assert goodfit.load(tmp_path / "run").predict(table()).equals(run.predict(table()))


@pytest.mark.parametrize("how", [{"seeds": 3}, {"bag": 5}])
def test_networks_of_a_table_of_categories_alone_train_together(how):
    rng = np.random.default_rng(0)
    columns = {name: rng.choice(list("abcd"), 750) for name in ("first", "second", "third")}
    frame = pl.DataFrame({**columns, "label": rng.choice(["up", "down"], 750)})
    run = goodfit.train(frame, target="label", test=frame, **how, **QUICK)
    assert len(run.predict(frame)) == 750


def test_a_network_of_ones_own_is_not_stacked():
    rows = table().drop("kind")
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(rows, target="label", model=torch.nn.Linear(2, 2), bag=3, stack="linear", epochs=1)
    assert error.value.code == "training.stack-own-network"


def test_the_first_network_is_the_ordinary_one():
    bag = goodfit.train(table(), target="label", bag=3, **QUICK)
    alone = goodfit.train(table(), target="label", **QUICK)
    assert bag.history["valid_loss"].tolist() == alone.history["valid_loss"].tolist()
    assert [finding.code for finding in bag.findings] == [finding.code for finding in alone.findings]
    first = [column.name for column in bag.importance().columns]
    assert first == [column.name for column in alone.importance().columns]


def test_a_resumed_bag_is_the_uninterrupted_one(tmp_path):
    whole = goodfit.train(table(), target="label", bag=3, **QUICK)
    table().write_csv(tmp_path / "t.csv")
    fields = {**QUICK, "epochs": 2}
    goodfit.train(tmp_path / "t.csv", target="label", bag=3, folder=tmp_path / "run", **fields)
    resumed = goodfit.train(resume=tmp_path / "run", epochs=4)
    assert resumed.predict(table())["p_up"].to_list() == pytest.approx(
        whole.predict(table())["p_up"].to_list(), abs=1e-5
    )


def test_what_cannot_be_dealt_out_row_by_row_is_refused():
    frame = table().with_columns(who=pl.Series(np.repeat(np.arange(40), 3)))
    for given_too in ({"group_column": "who"}, {"valid": frame}):
        with pytest.raises(goodfit.InputError) as error:
            goodfit.train(frame, target="label", bag=3, **QUICK, **given_too)
        assert error.value.code == "training.bag"
    own = torch.utils.data.TensorDataset(torch.randn(40, 2), torch.randn(40, 1))
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(own, model=torch.nn.Linear(2, 1), bag=3, epochs=1)
    assert error.value.code == "training.bag"
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(frame, target="label", bag=2, **QUICK)
    assert error.value.code == "training.bag-two"
    one = goodfit.train(frame, target="label", **QUICK)
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(frame, target="label", bag=3, from_weights=one, learning_rate=0.01)
    assert error.value.code == "training.bag-from-weights"
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(frame, target="label", bag=70, **QUICK)
    assert error.value.code == "training.bag-too-few-rows"


def test_populations_take_single_networks():
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train_population([Recipe(bag=2, **QUICK)], table(), target="label")
    assert error.value.code == "population.bag"
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(table(), target="label", seeds=2, bag=2, **QUICK)
    assert error.value.code == "population.bag"


def test_a_table_can_be_bagged_where_nobody_said_which_rows_validate():
    frame = table()
    assert can_bag(table_parts(frame, "label", recipe=Recipe()))
    assert not can_bag(table_parts(frame, "label", recipe=Recipe(), valid=frame))
