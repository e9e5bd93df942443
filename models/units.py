"""Unit strings at the borders ("20 ms", "1.5 nA"); SI floats everywhere inside.

`parse` reads a quantity and checks its dimension; `show` prints one with an engineering prefix.
"""

import re
from decimal import Decimal
from math import floor, isfinite, log10

_DIMENSION = {
    "V": "voltage",
    "A": "current",
    "s": "time",
    "Hz": "frequency",
    "F": "capacitance",
}
_PREFIXES = {
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "": 0,
    "m": -3,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
    "a": -18,
}
_SPELLINGS = {"µ": "u", "μ": "u"}  # micro sign, Greek mu
_QUANTITY = re.compile(
    r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([TGMkmuµμnpfa]?)(Hz|V|A|s|F)\s*"
)


def parse(text: str, unit: str) -> float:
    """Read a quantity such as ``"20 ms"`` as an SI float (correctly rounded).

    Parameters
    ----------
    text : str
        A number, an optional prefix (a f p n u µ m k M G T) and a unit.
    unit : str
        The SI unit wanted: V, A, s, Hz or F.

    Raises
    ------
    TypeError
        `text` is not a string.
    ValueError
        `text` is no quantity, or one of another dimension.
    """
    wanted = f'a {_DIMENSION[unit]} such as "2.5 m{unit}"'
    if not isinstance(text, str):
        raise TypeError(f"{text!r} has no unit: write {wanted}")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity: write {wanted}")
    number, prefix, found = match.groups()
    if found != unit:
        raise ValueError(f"{text!r} is a {_DIMENSION[found]}: write {wanted}")
    return float(Decimal(number).scaleb(_PREFIXES[_SPELLINGS.get(prefix, prefix)]))


def unit_of(text: str) -> str:
    """The SI unit of a quantity: ``unit_of("20 ms") == "s"``.

    Raises
    ------
    ValueError
        `text` is no quantity.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is not a quantity such as "2.5 mV"')
    return match[3]


def show(value: float, unit: str, digits: int = 4) -> str:
    """Print an SI value with an engineering prefix: ``show(2e-8, "A") == "20 nA"``."""
    if value == 0 or not isfinite(value):
        return f"{value:g} {unit}"
    rounded = float(f"{value:.{digits}g}")
    exponent = min(max(3 * floor(log10(abs(rounded)) / 3 + 1e-12), -18), 12)
    prefix = next(p for p, e in _PREFIXES.items() if e == exponent).replace("u", "µ")
    return f"{float(f'{rounded / 10.0**exponent:.{digits}g}'):g} {prefix}{unit}"
