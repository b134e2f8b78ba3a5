"""Parts of runs to make reports of: small, real through and through, and quick."""

from __future__ import annotations

import numpy as np
import polars as pl

from goodfit.data.analysis.analyze import analyze
from goodfit.data.applying import apply_preparation
from goodfit.data.casting import cast
from goodfit.data.describing import describe
from goodfit.data.fitting import fit_preparation
from goodfit.data.profile import profile
from goodfit.data.read import read
from goodfit.data.split import split
from goodfit.data.targets import encode_target
from goodfit.diagnosis.diagnose import diagnose
from goodfit.evaluation.baselines import fit_baselines
from goodfit.evaluation.evaluate import evaluate
from goodfit.observations import History, Observations
from goodfit.recipe import Recipe
from goodfit.report.parts import ReportParts


def history(
    epochs: int = 60, *, best: int = 24, rise: float = 0.006, level: float = 0.35, seed: int = 0
) -> History:
    """Return curves that fall, and whose validation loss rises after ``best``."""
    random = np.random.default_rng(seed)
    epoch = np.arange(1.0, epochs + 1)
    train = 1.1 * np.exp(-epoch / 9) + level * 0.7
    valid = (
        1.1 * np.exp(-epoch / 8)
        + level
        + rise * np.maximum(0, epoch - best)
        + random.normal(0, 0.004, epochs)
    )
    return History(
        {
            "epoch": epoch,
            "step": epoch * 17,
            "train_loss": train,
            "running_loss": train + 0.03 + random.normal(0, 0.02, epochs),
            "valid_loss": valid,
            "train_accuracy": 1 - train / 3,
            "valid_accuracy": 1 - valid / 3,
            "learning_rate": np.full(epochs, 1e-3),
            "seconds": epoch * 0.03,
        },
        best_epoch=float(epoch[np.argmin(valid)]),
        ended_by="patience",
    )


def table_run(
    frame: pl.DataFrame, target: str | list[str], name: str = "a run", skill: float = 0.6
) -> ReportParts:
    """Go the way from a frame to a report's parts, a seasoned guess standing in for the network."""
    table = read(frame, name=f"{name}.csv")
    seen = profile(table, target)
    typed = cast(table, seen)
    rows = split(typed.frame, seen)
    preparation = fit_preparation(typed.frame, seen, rows.train)
    inputs = apply_preparation(preparation, typed.frame)
    codes = encode_target(preparation.target, typed.frame)
    if seen.task == "regression":
        codes = typed.frame.select(seen.targets).to_numpy().astype(float)
        codes = codes[:, 0] if codes.shape[1] == 1 else codes

    def part(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return inputs.numbers[where], inputs.categories[where]

    baselines = fit_baselines(
        part(rows.train),
        codes[rows.train],
        part(rows.valid),
        codes[rows.valid],
        task=seen.task,
        levels=preparation.levels,
        n_classes=len(seen.classes) or None,
    )
    said = {model: baseline(part(rows.test)) for model, baseline in baselines.items()}
    truth = codes[rows.test]
    linear = said.get("linear", said["prior"])
    if seen.task == "regression":
        guess = linear + skill * (truth - linear)
    else:
        sure = np.eye(len(seen.classes))[truth]
        guess = (1 - skill / 2) * linear + skill / 2 * sure
    measured = evaluate(
        truth,
        guess,
        task=seen.task,
        targets=seen.targets,
        classes=seen.classes,
        baselines=said,
        resamples=200,
    )
    curves = history()
    recipe = Recipe(hidden=(32, 32), learning_rate=0.003, batch_size=32, dropout=0.1)
    observations = Observations(
        curves,
        task=seen.task,
        classes=len(seen.classes) or None,
        train_rows=len(rows.train),
        valid_rows=len(rows.valid),
        train_loss_is="at-epoch-end",
        recipe=recipe,
    )
    return ReportParts(
        name=name,
        analysis=analyze(table, seen),
        recipe=recipe,
        history=curves,
        findings=diagnose(observations),
        evaluation=measured,
        source=table.source,
        profile=seen,
        split=rows,
        preparation=[(note.column, note.kind, note.message) for note in describe(preparation)],
        notes=table.notes,
        network=["MLP(", "  (0): Linear(11 -> 32)", "  (1): ReLU()", ")"],
        parameters=1763,
        predict_command=f"goodfit predict runs/{name}-1 new.csv -o predictions.csv",
        predict_python=f'import goodfit\n\nrun = goodfit.load("runs/{name}-1")\nrun.predict(frame)',
        environment={"goodfit": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "device": "cpu"},
        seconds=2.34,
        created="2026-11-21 09:30",
    )


def classes_frame(classes: int, rows: int = 600, columns: int = 6, seed: int = 0) -> pl.DataFrame:
    """Return numbers, a category and missing values, with a class that they tell of."""
    random = np.random.default_rng(seed)
    label = random.integers(0, classes, rows)
    numbers = {
        f"measure {place}": (label * random.normal(1, 0.3) + random.normal(0, classes / 2, rows)).round(3)
        for place in range(columns)
    }
    frame = pl.DataFrame(numbers).with_columns(
        pl.Series(
            "harbour", random.choice(["Southampton", "Cherbourg", "Queenstown"], rows, p=[0.7, 0.2, 0.1])
        ),
        pl.Series("ticket", [f"A{place:05d}" for place in range(rows)]),
        pl.Series("kind", [f"kind {value}" for value in label]),
    )
    return frame.with_columns(
        pl.when(pl.int_range(rows) % 9 == 0).then(None).otherwise(pl.col("measure 0")).alias("measure 0")
    )


def numbers_frame(rows: int = 500, targets: int = 1, seed: int = 0) -> pl.DataFrame:
    """Return three columns and the numbers they tell of."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, 3))
    frame = {f"x{place}": inputs[:, place].round(4) for place in range(3)}
    for place in range(targets):
        value = inputs @ [1.0, -0.5, 0.2 * place] + np.sin(2 * inputs[:, 0]) + random.normal(0, 0.3, rows)
        frame[f"price {place}" if targets > 1 else "price"] = (1000 * (value + 20)).round(1)
    return pl.DataFrame(frame)


def broken_run() -> ReportParts:
    """Return the parts of a run whose loss became NaN."""
    epoch = np.arange(1.0, 13)
    train = np.array([0.9, 0.8, 0.75, 0.9, 2.0, 9.0, 80.0, 3e4, np.inf, np.nan, np.nan, np.nan])
    curves = History(
        {"epoch": epoch, "train_loss": train, "running_loss": train * 1.1, "valid_loss": train * 1.2},
        best_epoch=3.0,
        ended_by="non-finite-loss",
    )
    recipe = Recipe(learning_rate=5.0)
    observations = Observations(
        curves, task="binary", classes=2, train_rows=400, valid_rows=100, recipe=recipe
    )
    return ReportParts(
        name="broken", recipe=recipe, history=curves, findings=diagnose(observations), seconds=71.0
    )


def own_network_run() -> ReportParts:
    """Return the parts of a training of one's own network, without test rows."""
    return ReportParts(
        name="my network",
        recipe=Recipe(epochs=60),
        history=history(rise=0.0),
        task="multiclass",
        network=["Net(", "  (conv): Conv2d(1, 16, kernel_size=(3, 3))", ")"],
        parameters=421_642,
        predict_python='import goodfit\n\nrun = goodfit.load("runs/mine", model=Net())\nrun.predict(images)',
        seconds=4000.0,
    )


def wide_frame(columns: int = 300, rows: int = 200) -> pl.DataFrame:
    """Return many columns, some with very long names."""
    random = np.random.default_rng(0)
    names = [
        f"sensor_{place}" + "_averaged_over_the_whole_night" * (3 if place % 5 == 0 else 0)
        for place in range(columns)
    ]
    frame = pl.DataFrame({name: random.normal(size=rows) for name in names})
    return frame.with_columns(
        pl.Series("a very long name of a target that is hard to fit anywhere", random.normal(size=rows))
    )
