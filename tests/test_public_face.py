from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import goodfit

HEAVY = ("torch", "sklearn", "polars", "pandas", "matplotlib", "scipy")


def modules_after(code: str) -> set[str]:
    """Return the modules that a fresh Python has loaded after running ``code``."""
    script = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def loaded_after(code: str) -> set[str]:
    """Return the packages that a fresh Python has loaded modules of after running ``code``."""
    return {name.partition(".")[0] for name in modules_after(code)}


def test_importing_goodfit_loads_nothing_heavy():
    """It must take less than 0.3 s; what would take longer is a library, so their names are the test."""
    assert not loaded_after("import goodfit") & {*HEAVY, "numpy", "pydantic", "typer", "rich"}


def test_help_loads_nothing_heavy():
    run = "import sys, contextlib\nfrom goodfit.cli import main\nwith contextlib.suppress(SystemExit): main()"
    for words in (["--help"], ["train", "--help"], ["--version"]):
        code = f"import sys; sys.argv = {['goodfit', *words]!r}\n{run}"
        assert not loaded_after(code) & {*HEAVY, "numpy"}, words


def test_a_training_leaves_torchs_compiler_alone():
    """An optimizer of torch imports it when made and when it steps, which takes a second."""
    rows = "{'x': [1.0, 2.0, 3.0, 4.0] * 5, 'y': [2.0, 4.0, 6.0, 8.0] * 5}"
    code = f"import goodfit; goodfit.train({rows}, target='y', model='mlp', epochs=2)"
    assert not modules_after(code) & {"torch._dynamo", "torch._inductor"}


def test_every_public_name_is_there_and_lazy():
    assert "train" in dir(goodfit)
    for name in goodfit.__all__:
        assert getattr(goodfit, name).__doc__, name


def test_no_public_name_is_also_a_module():
    from pkgutil import iter_modules

    assert not {module.name for module in iter_modules(goodfit.__path__)} & set(goodfit.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        _ = goodfit.tarin


def test_the_version_is_that_of_the_package():
    assert goodfit.__version__.count(".") == 2


def test_every_file_is_named_in_the_architecture():
    """Somebody who reads only ARCHITECTURE.md finds the file where a given thing happens."""
    root = Path(__file__).parents[1]
    files = Counter(path.name for path in (root / "src" / "goodfit").rglob("[!_]*.py"))
    named = Counter(re.findall(r"[`/]([a-z_]+\.py)`", (root / "ARCHITECTURE.md").read_text("utf-8")))
    assert not {name for name, count in files.items() if named[name] < count}, "name them in ARCHITECTURE.md"
