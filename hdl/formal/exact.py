"""Integer arithmetic without limits, for specifications.

Amaranth's expressions are as wide as their values need, so ``+``, ``-``, ``*`` and ``>>`` (which
rounds down) are exact as long as nothing is assigned to a narrower signal.
"""

from amaranth.hdl import Mux, Value, ValueLike


def clip(x: Value, low: ValueLike, high: ValueLike) -> Value:
    """The number of low .. high that is nearest to x."""
    return Mux(x < low, low, Mux(x > high, high, x))


def wrap(x: Value, width: int) -> Value:
    """The number of `width` bits with sign that equals x modulo 2**width."""
    half = 1 << (width - 1)
    return ((x + half) & ((1 << width) - 1)) - half


def towards_zero(x: Value, bits: int) -> Value:
    """x / 2**bits without its fraction."""
    return Mux(x < 0, -(-x >> bits), x >> bits)


def times_sign(x: Value, y: Value) -> Value:
    """x sgn(y), where sgn(0) = 0."""
    return Mux(y > 0, x, Mux(y < 0, -x, 0))
