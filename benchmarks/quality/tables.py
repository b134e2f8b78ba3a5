"""The tables of the quality benchmark: what is predicted, which columns nobody gets, how rows are divided.

Columns are left out, for every model alike, that name the row (ids), that give the answer away, or that are
free text. Nothing else is done to a table here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

__all__ = ["GROUPS", "TABLES", "Division", "QualityTable", "divide"]

Group = Literal["development", "held-out"]
Folders = Mapping[str, Path | None]
"""Where the tables of each group lie: a folder of tables, and the packages of the peers' environment."""


@dataclass(frozen=True)
class QualityTable:
    """A table of the benchmark; ``file`` lies in its group's folder."""

    name: str
    group: Group
    file: str
    target: str
    task: Literal["binary", "multiclass", "regression"]
    drop: tuple[str, ...] = ()
    reading: dict[str, Any] = field(default_factory=dict)

    def there(self, folders: Folders) -> bool:
        """Say whether the table can be had."""
        folder = folders.get(self.group)
        return folder is not None and (folder / self.file).is_file()

    def load(self, folders: Folders) -> pd.DataFrame:
        """Return the rows that have a target."""
        folder = folders[self.group]
        assert folder is not None
        frame = pd.read_csv(folder / self.file, **self.reading)
        return frame.drop(columns=list(self.drop)).dropna(subset=[self.target]).reset_index(drop=True)


@dataclass(frozen=True)
class Division:
    """The rows that a model is fitted on, and those that it is judged on."""

    train: pd.DataFrame
    test: pd.DataFrame
    target: str
    task: str


def divide(frame: pd.DataFrame, table: QualityTable, number: int, rows: int) -> Division:
    """Divide a table for split ``number``: at most ``rows`` of its rows, a quarter of them for the test.

    Classes keep their shares. The rows drawn differ from split to split.
    """
    from sklearn.model_selection import train_test_split

    classes = None if table.task == "regression" else frame[table.target].astype(str)
    if len(frame) > rows:
        frame, _ = train_test_split(frame, train_size=rows, random_state=number, stratify=classes)
        classes = None if classes is None else classes.loc[frame.index]
    train, test = train_test_split(frame, test_size=0.25, random_state=number, stratify=classes)
    return Division(train.reset_index(drop=True), test.reset_index(drop=True), table.target, table.task)


def _dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with texts that are dates as numbers: for the models that cannot read them."""
    parts = {}
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column) or not _is_date(column):
            parts[name] = column
            continue
        moment = pd.to_datetime(column, format="mixed", errors="coerce")
        parts[name] = (moment - pd.Timestamp(1970, 1, 1)) / pd.Timedelta(days=1)
        for piece in ("month", "day", "weekday", "hour"):
            parts[f"{name}.{piece}"] = getattr(moment.dt, piece).astype(np.float64)
    return pd.DataFrame(parts)


def _is_date(column: pd.Series) -> bool:
    some = column.dropna().astype(str).head(50)
    return bool(some.str.fullmatch(r"\d{1,4}[-/]\d{1,2}[-/]\d{1,4}([ T]\d{1,2}:\d{2}(:\d{2})?)?").all())


def as_peers_take_it(division: Division) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and test inputs as numbers (NaN where missing) and categories of the training rows."""
    train, test = (_dates(part.drop(columns=division.target)) for part in (division.train, division.test))
    for name in train.columns:
        numbers = pd.to_numeric(train[name], errors="coerce")
        texts = not pd.api.types.is_numeric_dtype(train[name]) or pd.api.types.is_bool_dtype(train[name])
        if texts and numbers.notna().sum() < 0.9 * train[name].notna().sum():
            levels = sorted(train[name].dropna().astype(str).unique())
            kind = pd.CategoricalDtype(levels)
            train[name], test[name] = (
                part[name].astype(object).where(part[name].notna(), None).astype(kind)
                for part in (train, test)
            )
        else:
            train[name] = numbers.astype(np.float64)
            test[name] = pd.to_numeric(test[name], errors="coerce").astype(np.float64)
    kept = [name for name in train.columns if train[name].notna().any()]
    return train[kept], test[kept]


def _listed(group: Group, *tables: tuple[Any, ...]) -> tuple[QualityTable, ...]:
    return tuple(QualityTable(name, group, *rest) for name, *rest in tables)


GROUPS: tuple[Group, ...] = ("development", "held-out")


def _bare(columns: int, head: int = 1) -> dict[str, Any]:
    """Return how to read a file whose columns have no names."""
    return {"header": None, "skiprows": head, "names": [f"x{place}" for place in range(columns)]}


ANES = {"sep": "\t", "quotechar": "'"}
SEMICOLON = {"sep": ";"}
ADULT = {"skipinitialspace": True, "na_values": "?"}
TABLES = (
    *_listed(
        "development",
        ("titanic", "titanic/train.csv", "Survived", "binary", ("PassengerId", "Name", "Ticket")),
        ("adult", "adult/adult_train.csv", "income", "binary", (), ADULT),
        ("california_housing", "california_housing/housing.csv", "median_house_value", "regression"),
        ("telco_churn", "telco_churn/Telco-Customer-Churn.csv", "Churn", "binary", ("customerID",)),
        (
            "bike_sharing",
            "bike_sharing/hour.csv",
            "cnt",
            "regression",
            ("instant", "casual", "registered"),
        ),
        (
            "penguins",
            "penguins/penguins_raw.csv",
            "Species",
            "multiclass",
            ("studyName", "Sample Number", "Individual ID", "Comments"),
        ),
        ("wine_quality_1143", "wine_quality_1143/WineQT.csv", "quality", "regression", ("Id",)),
        ("diamonds", "diamonds/diamonds.csv", "price", "regression"),
        ("used_cars", "used_cars/car_dekho.csv", "selling_price", "regression"),
        ("pima_diabetes", "pima_diabetes/pima-indians-diabetes.csv", "outcome", "binary"),
        ("auto_mpg", "auto_mpg/mpg.csv", "mpg", "regression", ("name",)),
        ("bank_marketing", "bank_marketing/bank-full.csv", "deposit", "binary", ("duration",)),
        ("creditcard_fraud", "creditcard_fraud_subset/creditcard.csv", "Class", "binary", ("Time",)),
        (
            "horse_colic",
            "horse_colic/horse-colic.csv",
            "outcome",
            "multiclass",
            ("hospital_number",),
            {"na_values": "?"},
        ),
        ("mushrooms", "mushrooms/mushrooms.csv", "class", "binary"),
        ("nyc_taxis", "nyc_taxis/taxis.csv", "fare", "regression", ("total", "tip", "tolls")),
        ("sonar", "sonar/sonar.csv", "label", "binary"),
        ("wine_quality_red", "wine_quality_red/winequality-red.csv", "quality", "multiclass", (), SEMICOLON),
        (
            "wine_quality_white",
            "wine_quality_white/winequality-white.csv",
            "quality",
            "regression",
            (),
            SEMICOLON,
        ),
    ),
    *_listed(
        "held-out",
        ("carseats", "ISLP/data/Carseats.csv", "Sales", "regression"),
        ("oj", "ISLP/data/OJ.csv", "Purchase", "binary"),
        ("college", "ISLP/data/College.csv", "Outstate", "regression"),
        ("wage", "ISLP/data/Wage.csv", "wage", "regression", ("logwage", "region")),
        ("default", "ISLP/data/Default.csv", "default", "binary"),
        ("hitters", "ISLP/data/Hitters.csv", "Salary", "regression"),
        ("credit", "ISLP/data/Credit.csv", "Balance", "regression", ("ID",)),
        ("caravan", "ISLP/data/Caravan.csv", "Purchase", "binary"),
        ("phishing", "river/datasets/phishing.csv.gz", "is_phishing", "binary"),
        ("image_segments", "river/datasets/segment.csv.zip", "category", "multiclass"),
        ("trump_approval", "river/datasets/trump_approval.csv.gz", "five_thirty_eight", "regression"),
        ("fair", "statsmodels/datasets/fair/fair.csv", "affairs", "regression"),
        ("anes96", "statsmodels/datasets/anes96/anes96.csv", "vote", "binary", (), ANES),
        ("breast_cancer", "sklearn/datasets/data/breast_cancer.csv", "x30", "binary", (), _bare(31)),
        ("wine", "sklearn/datasets/data/wine_data.csv", "x13", "multiclass", (), _bare(14)),
        ("digits", "sklearn/datasets/data/digits.csv.gz", "x64", "multiclass", (), _bare(65, 0)),
    ),
)
