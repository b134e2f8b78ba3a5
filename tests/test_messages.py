from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import goodfit
from goodfit.messages import LANGUAGES, Message, catalogue, fill, say

SOURCE = Path(goodfit.__file__).parent
SAYING = {"InputError": "errors.", "MachineError": "errors.", "Message": "", "say": ""}


def placeholders(sentence: str) -> set[str]:
    """Return the names of the values that a sentence needs, those inside format specifications too."""
    found = set()
    for _, name, specification, _ in string.Formatter().parse(sentence):
        if name is not None:
            found |= {re.split(r"[.\[]", name)[0]} | placeholders(specification or "")
    return found


class Said:
    """One place in the source that names a message."""

    def __init__(self, call: ast.Call, place: str) -> None:
        self.place = place
        kind = name_of(call)
        self.pattern = code_pattern(call.args[0], SAYING[kind]) if call.args else None
        self.exact = bool(call.args) and isinstance(call.args[0], ast.Constant)
        self.names = names_given(call, kind)


def name_of(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def code_pattern(node: ast.expr, prefix: str) -> str | None:
    """Return what the code looks like as a regular expression; None where the source does not say."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(prefix + node.value)
    if isinstance(node, ast.JoinedStr):
        parts = [
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+?" for part in node.values
        ]
        return re.escape(prefix) + "".join(parts) if isinstance(node.values[0], ast.Constant) else None
    return None


def names_given(call: ast.Call, kind: str) -> set[str] | None:
    """Return the names of the values that a call gives, None where the source does not say."""
    if kind == "Message":
        values = call.args[1] if len(call.args) > 1 else ast.Dict([], [])
        if not isinstance(values, ast.Dict) or not all(isinstance(key, ast.Constant) for key in values.keys):
            return None
        return {key.value for key in values.keys}
    names = [keyword.arg for keyword in call.keywords]
    return None if None in names else set(names)


def calls() -> Iterator[Said]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and name_of(node) in SAYING:
                yield Said(node, f"{path.relative_to(SOURCE)}:{node.lineno}")


def texts() -> set[str]:
    """Return every text constant of the source, and the fixed beginnings of those put together."""
    return {
        node.value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


ENGLISH = catalogue("en")
CALLS = list(calls())
BARE = {re.sub(r"\.(one|other)$", "", key) for key in ENGLISH}


def forms(code: str) -> list[str]:
    return [key for key in (code, f"{code}.one", f"{code}.other") if key in ENGLISH]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_messages_with_the_same_values(language):
    other = catalogue(language)
    assert set(other) == set(ENGLISH)
    differing = {
        key: (ENGLISH[key], other[key])
        for key in ENGLISH
        if not placeholders(ENGLISH[key]) ^ placeholders(other[key]) <= {"count"}
    }
    assert not differing


@pytest.mark.parametrize("language", LANGUAGES)
def test_singular_and_plural_come_in_pairs(language):
    entries = catalogue(language)
    for key in entries:
        if key.endswith((".one", ".other")):
            stem = key.rpartition(".")[0]
            assert f"{stem}.one" in entries, key
            assert f"{stem}.other" in entries, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_hedges_between_singular_and_plural(language):
    assert not [key for key, text in catalogue(language).items() if re.search(r"\((s|es|as|os)\)", text)]


def test_every_message_that_the_source_names_exists_with_the_values_it_is_given():
    wrong = []
    for said in CALLS:
        if said.pattern is None:
            continue
        matching = [code for code in BARE if re.fullmatch(said.pattern, code)]
        if not matching:
            wrong.append(f"{said.place}: no message {said.pattern}")
        if said.exact and said.names is not None:
            needed = set().union(*(placeholders(ENGLISH[form]) for code in matching for form in forms(code)))
            if any(len(forms(code)) == 2 for code in matching):
                needed |= {"count"}
            if not needed <= said.names:
                wrong.append(f"{said.place}: {said.pattern} needs {needed - said.names}")
            if said.names - needed - {"count"}:
                wrong.append(f"{said.place}: {said.pattern} has no use for {said.names - needed}")
    assert not wrong


def test_names_that_are_chosen_from_a_table_have_their_sentences():
    rooms = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and name_of(node) in ("choose", "unknown_name"):
                room = node.args[2] if len(node.args) > 2 else None
                if isinstance(room, ast.Constant):
                    rooms.add(room.value)
    assert "model" in rooms
    for room in rooms:
        assert placeholders(ENGLISH[f"errors.{room}.unknown"]) <= {"name", "known"}
        assert placeholders(ENGLISH[f"errors.{room}.unknown-near"]) <= {"name", "nearest", "known"}


def test_every_error_in_the_catalogue_is_raised_somewhere():
    known = texts()
    patterns = [said.pattern for said in CALLS if said.pattern is not None]
    unused = []
    for code in BARE:
        bare = code.removeprefix("errors.")
        if not code.startswith("errors.") or any(re.fullmatch(pattern, code) for pattern in patterns):
            continue
        if bare.removesuffix("-near") in known or code in known:
            continue
        room, _, rest = bare.rpartition(".")
        if room in known and rest in ("unknown", "unknown-near"):
            continue
        unused.append(code)
    assert not unused


def test_a_count_chooses_singular_or_plural():
    assert say("notes.profile.rows-dropped", count=1) == "One row has no target and is left out."
    assert say("notes.profile.rows-dropped", count=2) == "2 rows have no target and are left out."


def test_messages_and_lists_inside_a_message_are_said_in_its_language():
    inner = Message("notes.column.constant", {"value": 7})
    outer = Message("errors.profile.dropped", {"column": "k", "reason": inner})
    values = {"file": "f", "dropped": [outer, outer]}
    assert "k (always 7), k (always 7)" in say("errors.profile.no-columns", **values)
    assert "k (siempre 7), k (siempre 7)" in say("errors.profile.no-columns", "es", **values)


def test_an_unknown_message_is_an_error_when_said_and_bare_when_it_was_saved():
    with pytest.raises(KeyError, match="no message"):
        say("notes.of-another-version")
    assert Message("notes.of-another-version", {"rows": 3}).text() == "notes.of-another-version (rows 3)"
    assert Message("notes.of-another-version").text("es") == "notes.of-another-version"


def test_an_unknown_language_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="en, es"):
        catalogue("fr")


@given(st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), st.integers() | st.text() | st.none()))
def test_a_message_survives_json(values):
    message = Message("x.y", values)
    assert Message.from_dict(message.to_dict()) == message
    around = Message("x.z", {"reason": message, "all": [message, 3]})
    assert Message.from_dict(json.loads(json.dumps(around.to_dict()))) == around


@pytest.mark.parametrize(
    ("language", "said"), [("en", "1,143 rows, 12,345 [12,000, 13,000], '1,234', 2024"), ("es", None)]
)
def test_counts_and_numbers_are_written_as_in_the_language(language, said):
    values = {"value": "12,345 [12,000, 13,000]", "text": "'1,234'", "year": 2024}
    found = fill("{rows} rows, {value}, {text}, {year}", language, rows=1143, **values)
    assert found == (said or "1\u202f143 rows, 12\u202f345 [12\u202f000, 13\u202f000], '1,234', 2024")
    assert fill("{count:,}", language, count=12345) == ("12,345" if language == "en" else "12\u202f345")
