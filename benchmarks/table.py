"""Every game of the table, in the three geometries that have a fused step."""

from benchmarks.step import repeated, stepper
from benchmarks.timing import alternate, pin_to_one_core

_SIZE = 10_000  # in the second-level cache: arithmetic, not memory
_GEOMETRIES = {"reference": None, "lebesgue": "<= 1.5", "fisher": "<= 4"}


def games(quick):
    """Rows for all games beside non-saturating, and for other geometries beside reference."""
    pin_to_one_core()
    from ratiogan.catalogue import GAME_ROWS

    contenders = {}
    for game in GAME_ROWS:
        for geometry in _GEOMETRIES:
            call, steps = stepper(_SIZE, game, geometry)
            call()
            contenders[game, geometry] = repeated(call, 2)
    found = alternate(contenders, 3 if quick else 9)
    per = 2 * steps * _SIZE / 1e9
    base = GAME_ROWS[0], "reference"
    rows = [found.row(f"{base[0]}, reference, per cell and step", base, per, "ns")]
    rows += [
        found.ratio(f"{game} / {base[0]}", (game, "reference"), base, target="<= 2")
        for game in GAME_ROWS[1:]
    ]
    for geometry, target in _GEOMETRIES.items():
        if target:
            rows += [
                found.ratio(
                    f"{game}, {geometry} / reference", (game, geometry), (game, "reference"),
                    target=target,
                )
                for game in GAME_ROWS
            ]  # fmt: skip
    return rows
