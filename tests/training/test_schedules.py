from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.training.contract import EPOCHS, SCHEDULE_CASES, STEPS, TOTAL, ScheduleCase, close
from torch import nn

from goodfit.errors import InputError
from goodfit.training.schedules import ALIASES, SCHEDULES, make_schedule

CASES = pytest.mark.parametrize("case", SCHEDULE_CASES, ids=lambda case: f"{case.name}-{dict(case.options)}")


def factors(case: ScheduleCase, **changes) -> list[float]:
    settings = {"options": case.options, "epochs": EPOCHS, "steps_per_epoch": STEPS, **changes}
    schedule = make_schedule(case.name, **settings)
    return [schedule(step) for step in range(settings["epochs"] * settings["steps_per_epoch"])]


def test_every_schedule_is_in_the_contract_table():
    assert {case.name for case in SCHEDULE_CASES} | {"reduce_on_plateau"} == set(SCHEDULES)


@CASES
def test_schedules_match_torchs(case):
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    oracle = case.oracle(optimizer)
    rates = []
    for step in range(TOTAL):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < TOTAL - 1 and (case.per == "step" or (step + 1) % STEPS == 0):
            oracle.step()
    assert [0.1 * factor for factor in factors(case)] == pytest.approx(rates, rel=1e-9, abs=1e-12)


@CASES
def test_warmup_rises_to_the_schedules_beginning(case):
    warmed = factors(case, warmup=1.4)
    assert warmed[:7] == pytest.approx([(step + 1) / 7 for step in range(7)])
    plain = make_schedule(case.name, options=case.options, epochs=EPOCHS, steps_per_epoch=STEPS)
    assert warmed[7] == pytest.approx(plain(0))


def test_the_schedule_takes_what_the_warmup_leaves():
    linear = make_schedule("linear", epochs=EPOCHS, steps_per_epoch=STEPS, warmup=2)
    assert [linear(10 + step) for step in range(20)] == pytest.approx([1 - step / 20 for step in range(20)])
    decay = make_schedule(
        "exponential", options={"gamma": 0.5}, epochs=EPOCHS, steps_per_epoch=STEPS, warmup=1
    )
    assert [decay(step) for step in (5, 9, 10, 14, 15)] == [1.0, 1.0, 0.5, 0.5, 0.25]


@CASES
def test_schedules_are_pure_and_stay_within_bounds(case):
    schedule = make_schedule(case.name, options=case.options, epochs=EPOCHS, steps_per_epoch=STEPS)
    forward = [schedule(step) for step in range(TOTAL)]
    assert [schedule(step) for step in reversed(range(TOTAL))] == forward[::-1]
    assert all(0 <= factor <= 1 for factor in forward)
    assert all(math.isfinite(schedule(step)) and schedule(step) >= 0 for step in range(TOTAL, 3 * TOTAL))


@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    epochs=st.integers(1, 30),
    steps=st.integers(1, 30),
    warmup=st.floats(0, 0.9),
)
def test_any_length_gives_finite_factors(name, epochs, steps, warmup):
    if round(warmup * steps) >= epochs * steps:
        return
    schedule = make_schedule(name, epochs=epochs, steps_per_epoch=steps, warmup=warmup)
    values = [schedule(step) for step in range(epochs * steps + 2)]
    assert all(0 <= value <= 1 for value in values)


def test_per_epoch_holds_the_rate_within_an_epoch():
    schedule = make_schedule("cosine", options={"per": "epoch"}, epochs=EPOCHS, steps_per_epoch=STEPS)
    for epoch in range(EPOCHS):
        assert len({schedule(epoch * STEPS + step) for step in range(STEPS)}) == 1


def test_a_function_of_progress():
    schedule = make_schedule(lambda progress: (1 - progress) ** 2, epochs=4, steps_per_epoch=5)
    assert [schedule(0), schedule(10), schedule(20), schedule(99)] == [1.0, 0.25, 0.0, 0.0]
    warmed = make_schedule(lambda progress: 1 - progress, epochs=4, steps_per_epoch=5, warmup=2)
    assert close(warmed(15), 0.5)


def test_reduce_on_plateau_leaves_the_factor_to_the_plateau():
    schedule = make_schedule("plateau", options={"patience": 3}, epochs=4, steps_per_epoch=5, warmup=1)
    assert [schedule(0), schedule(10)] == [0.2, 1.0]


def test_other_spellings_mean_names_of_the_table():
    assert set(ALIASES.values()) <= set(SCHEDULES)
    assert make_schedule("onecycle", epochs=2, steps_per_epoch=5)(0) == pytest.approx(1 / 25)


def failing(progress: float) -> float:
    raise ValueError("no")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"spec": "cosin"}, "schedule.unknown-near"),
        ({"spec": "§"}, "schedule.unknown"),
        ({"spec": "cosine", "options": {"gamma": 0.1}}, "option.unknown"),
        ({"spec": "cosine", "options": {"per": "batch"}}, "option.not-one-of"),
        ({"spec": "exponential", "options": {"gamma": 1.5}}, "option.out-of-range"),
        ({"spec": "one_cycle", "options": {"rise": 1}}, "option.out-of-range"),
        ({"spec": "constant", "warmup": 10}, "schedule.warmup-too-long"),
        ({"spec": failing}, "schedule.function-failed"),
        ({"spec": lambda progress: None}, "schedule.function-failed"),
        ({"spec": lambda progress: -progress}, "schedule.function-value"),
        ({"spec": lambda progress: math.nan}, "schedule.function-value"),
        ({"spec": lambda progress: 1.0, "options": {"end": 1}}, "option.none"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments, code):
    with pytest.raises(InputError) as error:
        make_schedule(**{"epochs": 10, "steps_per_epoch": 3, **arguments})
    assert error.value.code == code
    assert error.value.text("es") != error.value.text("en")
