"""A circuit with claims: free inputs, what is assumed of them, and what must then hold."""

from amaranth.hdl import Assert, Assume, ClockDomain, Module, ShapeLike, Signal, Value


class Circuit:
    """A module to which claims are added.

    There is no reset: registers begin with their initial values.

    Attributes
    ----------
    m : Module
    clk : Signal
    inputs : dict of str to Signal
        The free inputs: any number in any clock.
    """

    def __init__(self) -> None:
        self.m = Module()
        self.m.domains.sync = domain = ClockDomain(reset_less=True)
        self.clk = domain.clk
        self.inputs: dict[str, Signal] = {}

    def free(self, name: str, shape: ShapeLike = 1) -> Signal:
        """A new free input."""
        self.inputs[name] = Signal(shape, name=name)
        return self.inputs[name]

    def constant(self, name: str, shape: ShapeLike) -> Signal:
        """A free input that is the same in all clocks."""
        value = self.free(name, shape)
        first = Signal(init=1)
        self.m.d.sync += first.eq(0)
        self.assume(first | (value == self.past(value)))
        return value

    def drive(self, port: Value, name: str) -> None:
        """Leave an input of a component free."""
        port = Value.cast(port)
        if len(port):
            self.m.d.comb += port.eq(self.free(name, len(port)))

    def past(self, value: Value) -> Signal:
        """The value in the clock before; 0 in the first."""
        before = Signal.like(value, name="past")
        self.m.d.sync += before.eq(value)
        return before

    def assume(self, condition: Value) -> None:
        """Look only at inputs for which this holds."""
        self.m.d.comb += Assume(condition)

    def claim(self, name: str, condition: Value) -> None:
        """This must hold in every clock."""
        self.m.d.comb += Assert(condition, name)
