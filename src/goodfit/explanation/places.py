"""Where the columns of the original table lie among a network's inputs."""

from __future__ import annotations

from dataclasses import dataclass

from goodfit.data.preparation import CategoryColumn, Preparation

__all__ = ["Place", "places"]


@dataclass(frozen=True)
class Place:
    """The inputs that one column became: a run of the numbers, or one of the category codes."""

    name: str
    numbers: slice
    category: int | None = None


def places(preparation: Preparation) -> tuple[Place, ...]:
    """Return the place of each column, in the table's order."""
    found = []
    start = code = 0
    for column in preparation.columns:
        if isinstance(column, CategoryColumn):
            found.append(Place(column.name, slice(0, 0), code))
            code += 1
        else:
            end = start + len(column.outputs)
            found.append(Place(column.name, slice(start, end)))
            start = end
    return tuple(found)
