"""The pages of the findings say what the catalogue and the checks say, and their pictures are there."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from goodfit.diagnosis import checks

DOCS = Path(__file__).parents[2] / "docs"
spec = importlib.util.spec_from_file_location("findings_pages", DOCS / "findings_pages.py")
assert spec is not None
assert spec.loader is not None
findings_pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(findings_pages)


def codes_of_the_checks():
    """Return every code that a check gives a finding, from the source."""
    found = set()
    for path in Path(checks.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding" and node.args:
                values = [item.value for item in ast.walk(node.args[0]) if isinstance(item, ast.Constant)]
                found |= set(values)
    return found


def test_every_finding_has_a_page_and_every_page_a_finding():
    known = set(findings_pages.codes())
    assert codes_of_the_checks() <= known
    assert set(findings_pages.runs()) == known
    assert all(run["finding"]["code"] == code for code, run in findings_pages.runs().items())


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_pages_are_those_that_the_catalogue_and_the_checks_make(language):
    old = [
        path.relative_to(DOCS).as_posix()
        for path, text in findings_pages.pages().items()
        if path.parent == findings_pages.folder(language)
        and (not path.exists() or path.read_text("utf-8") != text)
    ]
    assert not old, "`python docs/findings_pages.py` writes them anew"


@pytest.mark.parametrize("language", ["en", "es"])
def test_what_a_page_links_to_is_there(language):
    for path in findings_pages.folder(language).glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_pictures_are_small_and_hold_nothing_foreign():
    for path in findings_pages.PAGES.rglob("*.svg"):
        text = path.read_text("utf-8")
        assert len(text) < 40_000, path.name
        assert "<script" not in text
        assert "<image" not in text


def test_both_languages_tell_the_same_things():
    def keys(table, prefix=""):
        for key, value in table.items():
            yield prefix + key
            if isinstance(value, dict):
                yield from keys(value, f"{prefix}{key}.")

    english, spanish = (sorted(keys(findings_pages.texts(language))) for language in ("en", "es"))
    assert english == spanish
