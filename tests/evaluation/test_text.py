from __future__ import annotations

import pytest

from goodfit.evaluation.text import wrapped


@pytest.mark.parametrize("width", range(12, 40))
def test_a_number_and_its_percent_sign_stay_on_one_line(width):
    lines = wrapped(["  acierta en el 73.3 % de ellas, no en el 95 %"], width).split("\n")
    assert not any(line.strip().startswith("%") for line in lines)
    assert " ".join(line.strip() for line in lines) == "acierta en el 73.3 % de ellas, no en el 95 %"
