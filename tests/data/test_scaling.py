from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

from goodfit.data.distribution import measure
from goodfit.data.scaling import SCALINGS, choose_scaling, fit_scaling, scale, soft_clip

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(50, 3, 1_000)
FEW_OUT = np.append(NORMAL, [1e3, -1e3, 5e3])
HEAVY = RANDOM.standard_t(1.2, 1_000)
LOGNORMAL = np.exp(RANDOM.normal(3, 1, 1_000))
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (NORMAL, "standard"),
        (RANDOM.uniform(-1, 1, 1_000), "standard"),
        (np.arange(1.0, 8), "standard"),
        ((RANDOM.random(1_000) < 0.01).astype(float), "unit"),
        (-(RANDOM.random(1_000) < 0.01).astype(float), "unit"),
        (FEW_OUT, "robust"),
        (RANDOM.normal(0, 1e-7, 1_000) + 1, "standard"),
        (HEAVY, "robust"),
        (np.random.default_rng(1).standard_t(0.7, 1_000), "quantile"),
        (LOGNORMAL, "log"),
        (LOGNORMAL * 1e-6, "log"),
        (np.where(RANDOM.random(1_000) < 0.9, 0, LOGNORMAL), "log"),
        ((RANDOM.random(1_000) < 0.05).astype(float), "standard"),
        (np.append(NORMAL, 1e4), "robust"),
        (np.where(RANDOM.random(1_000) < 0.6, 40.0, RANDOM.normal(40, 12, 1_000)), "standard"),
        ((RANDOM.random(1_000) < 0.5).astype(float), "standard"),
        (np.append(np.exp(RANDOM.normal(0, 0.1, 999)), 40.0), "robust"),
        (np.full(100, 0.1), "constant"),
        (np.zeros(3), "constant"),
        (np.array([7.0]), "constant"),
    ],
)
def test_the_distribution_decides(values: np.ndarray, name: str) -> None:
    assert choose_scaling(values, measure(values))[0] == name


def test_standard_is_scikit_learns() -> None:
    name, parameters = choose_scaling(NORMAL, measure(NORMAL))
    expected = StandardScaler().fit_transform(NORMAL[:, None])[:, 0]
    np.testing.assert_allclose(scale(NORMAL, name, parameters), expected, rtol=1e-12)


def test_robust_is_scikit_learns_within_the_limit() -> None:
    name, parameters = fit_scaling("robust", HEAVY, measure(HEAVY))
    expected = RobustScaler(quantile_range=(5, 95), unit_variance=True).fit_transform(HEAVY[:, None])[:, 0]
    within = np.abs(expected) <= parameters["limit"]
    scaled = scale(HEAVY, name, parameters)
    np.testing.assert_allclose(scaled[within], expected[within], rtol=1e-9, atol=1e-12)
    order = np.argsort(HEAVY)
    assert np.all(np.diff(scaled[order]) >= 0)


def test_log_is_standardised_logarithm() -> None:
    name, parameters = choose_scaling(LOGNORMAL, measure(LOGNORMAL))
    expected = StandardScaler().fit_transform(np.log1p(LOGNORMAL / np.median(LOGNORMAL))[:, None])[:, 0]
    np.testing.assert_allclose(scale(LOGNORMAL, name, parameters), expected, rtol=1e-9)


@pytest.mark.parametrize(("name", "ends"), [("minmax", (-1, 1)), ("unit", (0, 1))])
def test_minmax_is_scikit_learns(name: str, ends: tuple[int, int]) -> None:
    _, parameters = fit_scaling(name, NORMAL, measure(NORMAL))
    expected = MinMaxScaler(feature_range=ends).fit_transform(NORMAL[:, None])[:, 0]
    np.testing.assert_allclose(scale(NORMAL, name, parameters), expected, atol=1e-12)


def test_quantile_is_scikit_learns_but_for_the_ends() -> None:
    _, parameters = fit_scaling("quantile", HEAVY, measure(HEAVY))
    oracle = QuantileTransformer(n_quantiles=1000, output_distribution="normal")
    expected = oracle.fit_transform(HEAVY[:, None])[:, 0]
    scaled = scale(HEAVY, "quantile", parameters)
    inner = np.abs(expected) < 2
    np.testing.assert_allclose(scaled[inner], expected[inner], atol=0.12)
    assert np.abs(scaled).max() <= 3
    assert np.all(np.diff(scaled[np.argsort(HEAVY)]) >= 0)


def test_quantile_gives_repeated_values_their_middle_score() -> None:
    values = np.append(np.zeros(600), NORMAL[:400])
    _, parameters = fit_scaling("quantile", values, measure(values))
    assert SCALINGS["quantile"].accepts(parameters)
    assert scale(np.zeros(1), "quantile", parameters)[0] == pytest.approx(-1.4, abs=0.2)


@pytest.mark.parametrize(
    "damage",
    [
        {"quantiles": (1.0, 1.0), "scores": (0.0, 1.0)},
        {"quantiles": (1.0, 2.0), "scores": (0.0,)},
        {"quantiles": (), "scores": ()},
        {"quantiles": 1.0, "scores": 1.0},
        {"scores": (0.0,)},
        {"quantiles": (1.0,), "scores": (0.0,), "limit": 0.0},
    ],
)
def test_parameters_that_cannot_be_are_refused(damage: dict[str, object]) -> None:
    assert not SCALINGS["quantile"].accepts({"limit": 5.0, **damage})
    assert not SCALINGS["standard"].accepts({"limit": 5.0, "center": 0.0, "scale": (1.0,)})


@given(
    st.lists(FINITE, min_size=1, max_size=30), st.lists(FINITE, max_size=10), st.sampled_from(list(SCALINGS))
)
def test_any_scaling_can_be_told(seen: list[float], new: list[float], told: str) -> None:
    values = np.array(seen)
    distribution = measure(values)
    if told == "constant" and not distribution.constant:
        return
    name, parameters = fit_scaling(told, values, distribution)
    assert name == ("constant" if distribution.constant else told)
    assert SCALINGS[name].accepts(parameters)
    scaled = scale(np.array(seen + new), name, parameters)
    assert np.all(np.abs(scaled) <= 3 * parameters["limit"] + 1e-9)


def test_soft_clip_is_smooth_at_the_limit_and_bounded() -> None:
    step = 1e-6
    near = soft_clip(np.array([5 - step, 5, 5 + step]), 5.0)
    assert np.diff(near) == pytest.approx(step, rel=1e-3)
    np.testing.assert_array_equal(soft_clip(np.array([np.inf, -np.inf]), 5.0), [15, -15])


def test_measure_agrees_with_definitions() -> None:
    distribution = measure(LOGNORMAL)
    centred = LOGNORMAL - LOGNORMAL.mean()
    assert distribution.deviation == pytest.approx(LOGNORMAL.std())
    quantiles = np.quantile(LOGNORMAL, (0.05, 0.5, 0.95))
    assert (distribution.low, distribution.median, distribution.high) == pytest.approx(tuple(quantiles))
    assert distribution.skew == pytest.approx(np.mean(centred**3) / LOGNORMAL.std() ** 3)


@given(st.lists(FINITE, min_size=1, max_size=30), st.lists(FINITE, max_size=10))
def test_any_finite_values_are_measured_and_scaled_to_finite_ones(
    seen: list[float], new: list[float]
) -> None:
    values = np.array(seen)
    name, parameters = choose_scaling(values, measure(values))
    assert SCALINGS[name].accepts(parameters)
    assert all(np.isfinite(value).all() for value in parameters.values())
    scaled = scale(np.array(seen + new), name, parameters)
    assert np.all(np.abs(scaled) <= 3 * parameters["limit"] + 1e-9)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.integers(-900, 900))
def test_scaling_does_not_depend_on_the_unit(seen: list[float], exponent: int) -> None:
    values = np.array(seen).round(3)
    larger = np.ldexp(values, exponent)
    name, parameters = choose_scaling(values, measure(values))
    name_larger, parameters_larger = choose_scaling(larger, measure(larger))
    assert name == name_larger
    scaled, scaled_larger = scale(values, name, parameters), scale(larger, name, parameters_larger)
    np.testing.assert_allclose(scaled, scaled_larger, rtol=1e-9, atol=1e-9)
