"""Fit one model on the tables that its cache does not have yet, and append what came out, a line a split.

Run by run.py, in goodfit's environment or in the peers'. Seconds are those of the processor, fit and predict
together, on one thread: other programs on the machine do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np  # noqa: E402
from tables import GROUPS, TABLES, Division, as_peers_take_it, divide  # noqa: E402

Prediction = np.ndarray
"""Probabilities (rows, classes) in the classes' sorted order, or values (rows,)."""


def goodfit_model(division: Division, seed: int, **fields: Any) -> Any:
    import goodfit

    run = goodfit.train(
        division.train,
        target=division.target,
        task=division.task,
        test=division.test,
        seed=seed,
        **fields,
    )
    frame = run.predict(division.test.drop(columns=division.target))
    facts = {"network": run.recipe.model, "epochs": len(run.history), "version": goodfit.__version__}
    calibration = getattr(run, "calibration", None)
    if calibration is not None:
        facts["temperature"] = calibration.temperature
    baseline = run.baselines.get("linear")
    linear = None
    if baseline is not None and run.table is not None:
        from goodfit.data.applying import apply_preparation
        from goodfit.data.casting import cast
        from goodfit.data.facts import network_inputs
        from goodfit.data.read import read
        from goodfit.judging import arrays_of, units

        typed = cast(read(division.test), run.table.profile, target=False)
        prepared = apply_preparation(run.table.preparation, typed.frame, "test")
        linear = baseline(arrays_of(network_inputs(prepared)))
        linear = linear if run.table.profile.classes else units(linear, run.table)
    names = [name for name in frame.columns if name.startswith("p_")]
    prediction = frame[names].to_numpy() if names else frame["prediction"].to_numpy()
    return prediction, facts, linear


def _codes(division: Division) -> tuple[np.ndarray, np.ndarray, int]:
    if division.task == "regression":
        return (
            division.train[division.target].to_numpy(np.float64),
            division.test[division.target].to_numpy(np.float64),
            0,
        )
    classes = sorted(division.train[division.target].unique())
    place = {value: number for number, value in enumerate(classes)}
    train, test = (
        part[division.target].map(place).to_numpy(np.int64) for part in (division.train, division.test)
    )
    return train, test, len(classes)


def _sklearn_pipeline(train: Any, model: Any) -> Any:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    chosen = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_include="category")),
    )
    return make_pipeline(chosen, model)


def sklearn_mlp(train: Any, y: np.ndarray, test: Any, classes: int, seed: int) -> Prediction:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    if classes:
        return _sklearn_pipeline(train, MLPClassifier(random_state=seed)).fit(train, y).predict_proba(test)
    pipeline = _sklearn_pipeline(train, MLPRegressor(random_state=seed))
    return TransformedTargetRegressor(pipeline, transformer=StandardScaler()).fit(train, y).predict(test)


def hist_gradient_boosting(train: Any, y: np.ndarray, test: Any, classes: int, seed: int) -> Prediction:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    few = train.copy(), test.copy()
    for name in train.select_dtypes("category"):
        if len(train[name].cat.categories) > 250:  # more than 255 are refused as categories
            for part in few:
                part[name] = part[name].cat.codes.astype(np.float64)
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = kind(categorical_features="from_dtype", random_state=seed).fit(few[0], y)
    return model.predict_proba(few[1]) if classes else model.predict(few[1])


def xgboost(train: Any, y: np.ndarray, test: Any, classes: int, seed: int) -> Prediction:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBClassifier if classes else XGBRegressor
    model = kind(enable_categorical=True, n_jobs=1, random_state=seed).fit(train, y)
    return model.predict_proba(test) if classes else model.predict(test)


def lightgbm(train: Any, y: np.ndarray, test: Any, classes: int, seed: int) -> Prediction:
    from lightgbm import LGBMClassifier, LGBMRegressor

    plain = {name: f"c{place}" for place, name in enumerate(train.columns)}
    kind = LGBMClassifier if classes else LGBMRegressor
    model = kind(n_jobs=1, random_state=seed, verbose=-1).fit(train.rename(columns=plain), y)
    test = test.rename(columns=plain)
    return model.predict_proba(test) if classes else model.predict(test)


def catboost(train: Any, y: np.ndarray, test: Any, classes: int, seed: int) -> Prediction:
    from catboost import CatBoostClassifier, CatBoostRegressor

    categories = list(train.select_dtypes("category"))
    train, test = train.copy(), test.copy()
    for name in categories:
        for part in (train, test):
            part[name] = part[name].astype(object).where(part[name].notna(), "missing").astype(str)
    kind = CatBoostClassifier if classes else CatBoostRegressor
    model = kind(
        cat_features=categories, thread_count=1, random_seed=seed, verbose=0, allow_writing_files=False
    )
    model.fit(train, y)
    return model.predict_proba(test) if classes else model.predict(test)


def _without_missing(train: Any, test: Any) -> tuple[Any, Any]:
    train, test = train.copy(), test.copy()
    for name in train.select_dtypes("number"):
        middle = train[name].median()
        train[name], test[name] = train[name].fillna(middle), test[name].fillna(middle)
    return train, test


def _pytabkit(name: str, options: dict[str, Any]) -> Callable[..., Prediction]:
    def model(train: Any, y: np.ndarray, test: Any, classes: int, seed: int) -> Prediction:
        from pytabkit.models.sklearn import sklearn_interfaces

        train, test = _without_missing(train, test)
        kind = getattr(sklearn_interfaces, f"{name}_{'Classifier' if classes else 'Regressor'}")
        own = options if classes else {}
        fitted = kind(device="cpu", n_threads=1, random_state=seed, verbosity=0, **own)
        fitted.fit(train, y)
        return fitted.predict_proba(test) if classes else np.asarray(fitted.predict(test)).reshape(-1)

    return model


# What the authors of RealMLP say to set where it is the log loss that counts.
LOG_LOSS = {"val_metric_name": "cross_entropy", "use_ls": False}
PEERS: dict[str, Callable[..., Prediction]] = {
    "sklearn-mlp": sklearn_mlp,
    "hist-gradient-boosting": hist_gradient_boosting,
    "xgboost": xgboost,
    "lightgbm": lightgbm,
    "catboost": catboost,
    "realmlp-td": _pytabkit("RealMLP_TD", LOG_LOSS),
    "tabm-d": _pytabkit("TabM_D", {"val_metric_name": "cross_entropy"}),
}
GOODFIT: dict[str, dict[str, Any]] = {
    "goodfit": {},
    "goodfit-mlp": {"model": "mlp"},
    "goodfit-resnet": {"model": "resnet"},
    "goodfit-tabm": {"model": "tabm"},
    "goodfit-linear": {"model": "linear"},
}


def scores(prediction: Prediction, actual: np.ndarray, classes: int) -> dict[str, float]:
    """Return log loss and accuracy, or RMSE."""
    prediction = np.asarray(prediction, dtype=np.float64)
    if not classes:
        return {"rmse": float(np.sqrt(np.mean(np.square(prediction.reshape(-1) - actual))))}
    prediction = prediction / prediction.sum(axis=1, keepdims=True)
    given = prediction[np.arange(len(actual)), actual]
    return {
        "log_loss": float(-np.log(np.clip(given, np.finfo(np.float64).eps, None)).mean()),
        "accuracy": float((prediction.argmax(axis=1) == actual).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, choices=[*GOODFIT, *PEERS])
    parser.add_argument("--name", help="what the cache calls it")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--group", action="append")
    parser.add_argument("--table", action="append")
    parser.add_argument("--split", type=int, action="append", required=True)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--recipe", default="{}", help="recipe fields for goodfit, as JSON")
    options = parser.parse_args()
    name = options.name or options.model
    known = set()
    if options.cache.exists():
        for line in options.cache.read_text("utf-8").splitlines():
            row = json.loads(line)
            known.add((row["model"], row["table"], row["split"], row["rows"]))
    folders = {g: options.data if g == "development" else options.packages for g in GROUPS}
    for split in options.split:
        for table in TABLES:
            wanted = (not options.group or table.group in options.group) and table.there(folders)
            if not wanted or (options.table and table.name not in options.table):
                continue
            if (name, table.name, split, options.rows) in known:
                continue
            division = divide(table.load(folders), table, split, options.rows)
            row = {
                "model": name,
                "table": table.name,
                "group": table.group,
                "split": split,
                "rows": options.rows,
            }
            rows = measured(options.model, division, split, json.loads(options.recipe))
            for suffix, found in rows.items():
                if (name + suffix, table.name, split, options.rows) in known:
                    continue
                with options.cache.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({**row, "model": name + suffix, **found}) + "\n")
            print(name, table.name, split, rows[""], file=sys.stderr, flush=True)


def measured(model: str, division: Division, seed: int, fields: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what came out, and for goodfit what its linear baseline did on the same rows (``+linear``)."""
    train_target, test_target, classes = _codes(division)
    sizes = {"train": len(division.train), "test": len(division.test)}
    begun = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if model in GOODFIT:
                prediction, facts, linear = goodfit_model(division, seed, **{**GOODFIT[model], **fields})
                found = {"": {**sizes, "seconds": time.process_time() - begun, **facts}}
                found[""] |= {"scores": scores(prediction, test_target, classes)}
                if linear is not None:
                    found["+linear"] = {
                        **sizes,
                        "seconds": 0.0,
                        "scores": scores(linear, test_target, classes),
                    }
                return found
            train, test = as_peers_take_it(division)
            prediction = PEERS[model](train, train_target, test, classes, seed)
    except Exception as error:  # a peer that cannot take a table is a row too
        return {
            "": {
                **sizes,
                "seconds": time.process_time() - begun,
                "failed": f"{type(error).__name__}: {error}"[:300],
            }
        }
    return {
        "": {
            **sizes,
            "seconds": time.process_time() - begun,
            "scores": scores(prediction, test_target, classes),
        }
    }


if __name__ == "__main__":
    main()
