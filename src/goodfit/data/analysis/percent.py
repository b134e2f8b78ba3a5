"""Shares in per cent, which never say 0 or 100 of what is neither."""

from __future__ import annotations

__all__ = ["percent"]


def percent(share: float) -> str:
    """Return a share in per cent with one digit.

    >>> percent(0.1234), percent(0.00001), percent(0.99999), percent(0.0), percent(1.0)
    ('12.3', '<0.1', '>99.9', '0.0', '100.0')
    """
    if 0 < share < 0.0005:
        return "<0.1"
    if 0.9995 <= share < 1:
        return ">99.9"
    return f"{100 * share:.1f}"
