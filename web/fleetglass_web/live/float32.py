"""Write float32 as people expect: 14.48, not 14.479999542236328.

The shortest decimal that reads back as the same float32, as a float64 whose own shortest form is that decimal. NaN and
infinities become None: JSON has no word for them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Nine significant digits tell any two float32 apart; six survive a way there and back in every case.
_DIGITS = range(6, 10)


def shortest(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """For each float32 the float64 nearest to its shortest decimal."""
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):
        magnitude = np.floor(np.log10(np.abs(wide)))
        result = wide.copy()
        # Powers of ten up to 22 are exact in float64, so one division or product rounds correctly.
        open_ = np.isfinite(wide) & (wide != 0) & (np.abs(magnitude) <= 13)
        for digits in _DIGITS:
            if not open_.any():
                break
            shift = digits - 1 - magnitude
            up, down = np.power(10.0, np.maximum(shift, 0)), np.power(10.0, np.maximum(-shift, 0))
            near = np.rint(wide * up / down) * down / up
            good = open_ & (near.astype(np.float32) == values)
            result[good] = near[good]
            open_ &= ~good
        for at in zip(*np.nonzero(np.isfinite(wide) & (wide != 0) & (np.abs(magnitude) > 13)), strict=True):
            result[at] = float(str(values[at]))
    return result


def as_lists(values: NDArray[np.float32]) -> Any:  # any: lists as deep as the array
    """Nested lists of floats; msgspec writes NaN and infinities as null."""
    return shortest(values).tolist()


def as_number(value: float | np.float32) -> float | None:
    """One value."""
    return float(str(np.float32(value))) if np.isfinite(value) else None
