"""A figure as SVG inside a page: its text in the page's font, its colours the page's to change."""

from __future__ import annotations

import io
import re
import warnings
from html import escape
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from goodfit.plots import style

__all__ = ["COLOURS", "to_svg"]

# A page may set these CSS variables, for a dark background say; without them the figure has its own colours.
COLOURS = {
    "--figure-train": style.TRAIN,
    "--figure-valid": style.VALID,
    "--figure-accent": style.ACCENT,
    "--figure-info": style.INFO,
    "--figure-warning": style.WARNING,
    "--figure-error": style.ERROR,
    "--figure-ink": style.INK,
    "--figure-muted": style.MUTED,
    "--figure-line": style.LINE,
    "--figure-paper": style.PAPER,
}


def to_svg(figure: Figure, label: str = "", prefix: str = "figure") -> str:
    """Return ``figure`` as one ``<svg>`` element for an HTML page or a notebook.

    Parameters
    ----------
    figure
        Drawn by this package's functions, or any other.
    label
        What the figure shows, for those who do not see it.
    prefix
        Begins the element's ids: a page with several figures gives each its own.
    """
    ours: dict[Any, Any] = {
        "text.usetex": False,
        "font.family": ["DejaVu Sans"],
        "svg.fonttype": "none",
        "svg.hashsalt": "goodfit",
        "path.simplify": True,
    }
    file = io.StringIO()
    with matplotlib.rc_context(ours), warnings.catch_warnings():
        # It measures text with a font of its own; the page's reader has the letters that this one lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _for_page(file.getvalue(), label, prefix)


def _for_page(text: str, label: str, prefix: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style type=\"text/css\">.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = text.replace("xlink:href", "href")
    referenced = frozenset(re.findall(r"(?:href=\"|url\()#([^\")]+)", text))
    box = re.search(r'viewBox="([^"]*)"', text)
    head = f'<svg class="figure" xmlns="http://www.w3.org/2000/svg" viewBox="{box[1] if box else "0 0 1 1"}"'
    head += f' role="img" aria-label="{escape(label, quote=True)}">' if label else ' aria-hidden="true">'
    body = text[text.index(">") + 1 :]
    body = re.sub(r"<[^>]+>", lambda tag: _tag_for_page(tag[0], prefix, referenced), body)
    return head + re.sub(r">\s+<", "><", body).strip()


def _tag_for_page(tag: str, prefix: str, referenced: frozenset[str]) -> str:
    """Shorten numbers, make ids unique to the page, and leave font and colours to the page."""
    tag = re.sub(r"(\.\d\d)\d+", r"\1", tag)
    tag = re.sub(r' id="([^"]*)"', lambda id: f' id="{prefix}-{id[1]}"' if id[1] in referenced else "", tag)
    tag = re.sub(r"(href=\"|url\()#", rf"\g<1>#{prefix}-", tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*"', "", tag)
    tag = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    for name, colour in COLOURS.items():
        tag = tag.replace(colour, f"var({name}, {colour})")
    return re.sub(r"\s*\n\s*", " ", tag)
