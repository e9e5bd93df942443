"""A datapath against its specification, for all states, inputs and legal registers at once.

The stages of the datapath are chained without registers. Beside them stands the specification, the
equations of the kind in exact arithmetic. Claimed are, of every state and output, that both are
equal (so that saturation and wraps are right), and that states stay in their ranges.

Multipliers are beyond a solver at these widths. A datapath cuts its factors into pieces that fit
the multipliers of an FPGA, multiplies piece by piece and adds the parts. Behind the datapath's
multiplications each part is replaced by a free number, and the specification's product by the
weighted sum of these numbers. Of a number the proof knows only that it lies between ``a low`` and
``a high``, where a is the piece of the first factor and low .. high are the legal values of that of
the second. Claimed are then, at full width, that the datapath multiplies the pieces of the factors
that the specification multiplies, adds them as it should, and that all widths suffice.

Not covered: the multiplication ``*`` of two pieces (it is the same operator on both sides), and
that the product of two sums is the sum of the products, which is mathematics.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from amaranth.hdl import Const, Mux, Signal, Value

from ..pipeline import Datapath, Values, shape
from .circuit import Circuit

Piece = tuple[int, int | None]  # the first bit and the end, as in a slice
ALL: Piece = (0, None)


class Product(NamedTuple):
    """A product inside a datapath.

    Attributes
    ----------
    a, b : str
        Its factors.
    parts : mapping of str to (Piece, Piece)
        The pieces of a and b that the datapath multiplies, and the name of their product. All
        parts are given by one stage.
    legal : (int, int), optional
        The smallest and the largest legal b, where b is not cut.
    """

    a: str
    b: str
    parts: Mapping[str, tuple[Piece, Piece]]
    legal: tuple[int, int] | None = None


Times = Callable[[str, Value, Value], Value]


class Specification(Protocol):
    """The equations of a kind of neuron.

    Attributes
    ----------
    products : mapping of str to Product
        In the order in which the datapath computes them.
    """

    @property
    def products(self) -> Mapping[str, Product]:
        """The products that are cut out, by the names that the specification gives to them."""

    def legal(self, f: Values) -> list[Value]:
        """What is assumed of the registers."""

    def ranges(self, f: Values) -> dict[str, Value]:
        """What is true of states after an update if it was true of all before."""

    def update(self, f: Values, times: Times) -> dict[str, Value]:
        """States and outputs; ``times(name, a, b)`` is the product of that name."""


class Cut(NamedTuple):
    """A product of the datapath: the factors that it had, and what stands in its place."""

    a: Value
    b: Value
    number: Value


def meets_specification(datapath: Datapath, spec: Specification) -> Circuit:
    """Claims that a datapath does what its specification says."""
    c = Circuit()
    kind = datapath.kind
    fields = {**kind.state, **kind.inputs, **kind.register_fields}
    before = {name: c.free(name, shape(field)) for name, field in fields.items()}
    for condition in spec.legal(before):
        c.assume(condition)
    values, cuts = chained(c, datapath, spec.products, before)
    after = {}
    for name, field in {**kind.state, **kind.outputs}.items():
        after[name] = Signal(shape(field), name=f"after_{name}")  # as a register holds it
        c.m.d.comb += after[name].eq(values[name])

    def times(name: str, a: Value, b: Value) -> Value:
        cut = cuts[name]
        c.claim(f"{name} has its factors", (a == cut.a) & (b == cut.b))
        return cut.number

    for name, value in spec.update(before, times).items():
        c.claim(f"{name} is right", after[name] == value)
    in_range: Value = Const(1)
    for condition in spec.ranges(before).values():
        in_range &= condition
    for name, condition in spec.ranges({**before, **after}).items():
        c.claim(f"{name} stays in range", ~in_range | condition)
    return c


def chained(
    c: Circuit, datapath: Datapath, products: Mapping[str, Product], before: Values
) -> tuple[Values, Mapping[str, Cut]]:
    """The fields after all stages, and the products that were cut out."""
    values, cuts = before, {}
    for stage in datapath.stages:
        given = stage(c.m, values)
        parts = set(given)
        for name, product in products.items():
            if name not in cuts and product.parts.keys() <= parts:
                parts -= product.parts.keys()  # a later product may have parts of the same names
                a, b = values[product.a], values[product.b]
                whole: Value = Const(0)
                for part, (of_a, of_b) in product.parts.items():
                    x, y = piece(a, of_a), piece(b, of_b)
                    c.claim(f"{part} of {name} is a product", given[part] == x * y)
                    number = between(c, f"{name}.{part}", x, *product.legal or limits(y))
                    given[part] = number
                    whole += number << of_a[0] + of_b[0]
                cuts[name] = Cut(a, b, whole)
        values = {**values, **given}
    return values, cuts


def piece(value: Value, bits: Piece) -> Value:
    """Some bits; the highest ones have the sign of the whole."""
    start, end = bits
    part = value[start:end]
    return part.as_signed() if end is None and value.shape().signed else part


def limits(value: Value) -> tuple[int, int]:
    """The smallest and the largest number that a value's shape allows."""
    width = len(value)
    return (-(1 << width - 1), (1 << width - 1) - 1) if value.shape().signed else (0, 2**width - 1)


def between(c: Circuit, name: str, x: Value, low: int, high: int) -> Value:
    """A free number between x low and x high."""
    number = c.free(name, (x * Const(low) + x * Const(high)).shape())
    one, other = x * low, x * high
    c.assume(Mux(x < 0, (other <= number) & (number <= one), (one <= number) & (number <= other)))
    return number
