from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

from goodfit.plots.style import VALID, new_figure
from goodfit.plots.svg import COLOURS, to_svg


def drawing(words: str = "a line"):
    figure, (ax,) = new_figure(4, 3)
    ax.plot(np.arange(3), [1.23456789, 2, 3], color=VALID, marker="o", label=words)
    ax.legend(prop={"family": "DejaVu Sans"})
    return figure


def test_it_is_one_well_formed_element():
    root = ElementTree.fromstring(to_svg(drawing(), 'A & B "quoted" <i>'))
    assert root.tag.endswith("svg")
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'A & B "quoted" <i>'
    assert root.get("width") is None


def test_without_a_label_it_is_hidden_from_those_who_listen():
    assert ElementTree.fromstring(to_svg(drawing())).get("aria-hidden") == "true"


def test_its_ids_are_its_own_and_every_reference_is_met():
    first, second = (to_svg(drawing(), prefix=prefix) for prefix in ("one", "two"))
    ids = set(re.findall(r' id="([^"]*)"', first))
    assert ids
    assert not ids & set(re.findall(r' id="([^"]*)"', second))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', first)) <= ids


def test_the_page_may_change_its_colours_and_its_font():
    svg = to_svg(drawing())
    assert f"var(--figure-valid, {VALID})" in svg
    assert "DejaVu" not in svg
    assert "<style" not in svg
    for name, colour in COLOURS.items():
        assert svg.count(colour) == svg.count(f"var({name}, {colour})")


def test_words_stay_text_even_if_they_look_like_style():
    words = 'font: 9px x; #0072b2 0.123456 id="x" <script>alert(1)</script>'
    svg = to_svg(drawing(words))
    root = ElementTree.fromstring(svg)
    assert words in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<script" not in svg


def test_the_same_figure_gives_the_same_text():
    assert to_svg(drawing()) == to_svg(drawing())


def test_it_loads_nothing():
    addresses = set(re.findall(r"https?://[^\"' )]*", to_svg(drawing())))
    assert addresses == {"http://www.w3.org/2000/svg"}
