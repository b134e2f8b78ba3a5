"""ARCHITECTURE.md names every file, so that somebody who reads only it finds where a given thing happens."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_file_is_named():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    files = Counter(path.name for path in (ROOT / "src" / "goodfit").rglob("[!_]*.py"))
    named = Counter(re.findall(r"[`/]([a-z_]+\.py)`", text))
    assert not {name for name, count in files.items() if named[name] < count}
