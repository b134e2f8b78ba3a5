"""Write the pages of docs/findings/: a page for each finding, in English and Spanish.

    python docs/findings_pages.py

What they say comes from the message catalogue, from `texts/`, from the constants of the checks, and from
`findings/runs.json`: real runs and what was found in them, which `findings_runs.py` makes with the pictures.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from goodfit.diagnosis import checks
from goodfit.finding import Finding
from goodfit.messages import LANGUAGES, fill, say

HERE = Path(__file__).parent
PAGES = HERE / "findings"
GROUPS = ("curves", "layers", "data")


def pages() -> dict[Path, str]:
    """Return every page by where it belongs."""
    found = {}
    for language in LANGUAGES:
        found[folder(language) / "README.md"] = index(language)
        for code in codes():
            found[folder(language) / f"{code}.md"] = page(code, language)
    return found


def folder(language: str) -> Path:
    """Return where the pages and pictures of a language are."""
    return PAGES if language == "en" else PAGES / language


def index(language: str) -> str:
    """Return the page that lists the others."""
    words, other = texts(language)["page"], "es/README.md" if language == "en" else "../README.md"
    lines = [f"# {words['index-title']}", "", f"[{words['language']}]({other})", "", words["index"], ""]
    for group in GROUPS:
        lines += [f"## {texts(language)['groups'][group]}", ""]
        lines += [f"| {words['code']} | {words['what']} |", "|---|---|"]
        for code in codes():
            told = texts(language)[code]
            if told["group"] == group:
                what = f"**{say(f'findings.{code}.title', language)}.** {told['what']}"
                lines.append(f"| [`{code}`]({code}.md) | {what} |")
        lines.append("")
    return "\n".join([*lines, words["made"], ""])


def page(code: str, language: str) -> str:
    """Return the page of one finding."""
    words, told = texts(language)["page"], texts(language)[code]
    finding = Finding.from_dict(runs()[code]["finding"])
    other = f"es/{code}.md" if language == "en" else f"../{code}.md"
    return "\n".join(
        [
            f"# {say(f'findings.{code}.title', language)}",
            "",
            f"`{code}` · [{words['index-title']}](README.md) · [{words['language']}]({other})",
            "",
            *(f"## {words['what']}", "", told["what"], ""),
            *(f"## {words['recognised']}", "", fill(told["recognised"], language, **families()), ""),
            *(f"## {words['run']}", "", told["run"], "", f"![{told['run']}]({code}.svg)", ""),
            *(_said(finding, language), ""),
            *_listed(code, language),
            *(_evidence(finding, language), ""),
            *(f"## {words['do']}", "", *_remedies(finding, language), ""),
            *(f"## {words['confused']}", "", *_confused(code, language), ""),
            words["made"],
            "",
        ]
    )


def codes() -> list[str]:
    """Return the codes that have a page, in the order of the texts."""
    return [code for code, told in texts("en").items() if "what" in told and "group" in told]


@cache
def texts(language: str) -> dict[str, Any]:
    """Return what the pages say beyond the catalogue."""
    return tomllib.loads((HERE / "texts" / f"{language}.toml").read_text("utf-8"))


@cache
def runs() -> dict[str, Any]:
    """Return what was found in the runs, by code."""
    known: dict[str, Any] = json.loads((PAGES / "runs.json").read_text("utf-8"))
    return known


@cache
def families() -> dict[str, ModuleType]:
    """Return the files of checks by name."""
    names = [module.name for module in pkgutil.iter_modules(checks.__path__)]
    return {name: importlib.import_module(f"{checks.__name__}.{name}") for name in names}


def _said(finding: Finding, language: str) -> str:
    words = texts(language)["page"]
    severity = say(f"report.severity.{finding.severity}", language)
    facts = [f"{words['severity']}: {severity}", f"{words['confidence']}: {finding.confidence:.2f}"]
    facts += [f"{words['since']}: {finding.epoch:g}"] if finding.epoch is not None else []
    said = f"{finding.statement(language)}. {finding.explanation(language)}"
    return f"> {said}\n>\n> ({', '.join(facts)})"


def _listed(code: str, language: str) -> list[str]:
    above = runs()[code]["listed_under"]
    links = ", ".join(_link(other) for other in above)
    return [fill(texts(language)["page"]["listed"], language, codes=links), ""] if above else []


def _evidence(finding: Finding, language: str) -> str:
    words, meanings = texts(language)["page"], texts(language)["evidence"]
    lines = [f"| {words['evidence']} | {words['meaning']} | {words['value']} |", "|---|---|---:|"]
    for name, value in finding.evidence.items():
        told = f"{value:.4g}" if isinstance(value, float) else str(value) or "-"
        lines.append(f"| `{name}` | {meanings[name]} | {told} |")
    return "\n".join(lines)


def _remedies(finding: Finding, language: str) -> list[str]:
    lines = []
    for remedy, title in zip(finding.remedies, finding.remedy_titles(language), strict=True):
        changes = ", ".join(f"`{name} = {json.dumps(value)}`" for name, value in remedy.recipe.items())
        recipe = " " + fill(texts(language)["page"]["recipe"], language, changes=changes) if changes else ""
        lines.append(f"- {title}{recipe}")
    return lines


def _confused(code: str, language: str) -> list[str]:
    words = texts(language)["page"]
    lines = [f"- {_link(other)}: {how}" for other, how in texts(language)[code]["confused"].items()]
    below = [other for other in codes() if _explains(code, other)]
    above = [other for other in codes() if _explains(other, code) and other not in below]
    for key, others in (("explains", below), ("explained", above)):
        if others:
            links = ", ".join(_link(other) for other in others)
            lines += ["", fill(words[key], language, codes=links)]
    return lines


def _explains(code: str, other: str) -> bool:
    return any(other in family.EXPLAINS.get(code, ()) for family in families().values())


def _link(code: str) -> str:
    return f"[`{code}`]({code}.md)"


def main() -> None:
    """Write all pages."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
