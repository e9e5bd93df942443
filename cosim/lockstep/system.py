# amaranth: UnusedElaboratable=no
"""A mixed-signal chip: groups of transistor neurons around a network core, on one axis of time.

The axis is the chip's own seconds, in whole picoseconds, from the end of the core's reset. The two
halves have one unit of time by `dt`, the time step for which the core's neurons were quantised:
next to analog neurons that are `speed_up` times faster than biology, a tick of the core lasts
``dt / speed_up`` of the chip's time.

Analog neurons and synapses are numbered through the groups. Spikes of analog neuron k become events
of axon ``first + k``; a spike of the core's neuron j gives a pulse to the synapses ``routes[j]``.
"""

from dataclasses import dataclass

from ...analog.granted import PS
from ...analog.group import Group
from ...hdl.aer import LATENCY
from ...hdl.core import Core
from ...hdl.mixed import MixedCore


@dataclass(frozen=True)
class System:
    """What is simulated in lock-step.

    Parameters
    ----------
    groups : tuple of Group
        Each gets an ngspice process.
    core : Core
    first : int
        The axon of analog neuron 0.
    routes : tuple of tuples of int
        The synapses that each neuron of the core drives.
    clock : int
        Period of the core's clock in ps.
    dt : float
        Of the core's neurons, in s of the neurons' own time.
    width, gap, delay : int
        Of a pulse, after it, and of the axons from the core to the synapses, in clocks.
    step, ramp : float
        Largest time step of ngspice, and time in which a pulse rises, in s.
    events : tuple of (int, int)
        Times in ps, not before the one in front, and axons, of no analog neuron: events from
        elsewhere.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed; a clock too slow for the neurons; neurons of
        different speed-ups, or a `dt` that is no whole number of clocks.
    """

    groups: tuple[Group, ...]
    core: Core
    first: int
    routes: tuple[tuple[int, ...], ...]
    clock: int
    dt: float
    width: int
    gap: int
    delay: int
    step: float
    ramp: float
    events: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not self.groups:
            raise ValueError("groups must be one or more, not none")
        if (
            isinstance(self.clock, bool)
            or not isinstance(self.clock, int)
            or self.clock < 2
            or self.clock % 2
        ):
            raise ValueError(f"clock must be an even number of ps, >= 2, not {self.clock!r}")
        for name, longest in (("step", None), ("ramp", self.width * self.clock * PS)):
            value = getattr(self, name)
            if not 0 < value < (longest or float("inf")):
                raise ValueError(f"{name} must be > 0 s and < {longest or 'inf'} s, not {value!r}")
        speeds = {neuron.speed_up for group in self.groups for neuron in group.neurons}
        if len(speeds) > 1:
            told = " and ".join(f"{speed:g}" for speed in sorted(speeds))
            raise ValueError(
                f"groups must have one speed-up, not {told}: a tick is one time step of all neurons"
            )
        clocks = self.dt / self.speed_up / (self.clock * PS)
        if not 0.5 < clocks < float("inf") or abs(clocks - self.tick) > 1e-6 * clocks:
            raise ValueError(
                f"dt = {self.dt!r} s must be a whole number of clocks of {self.clock * PS:.3g} s at"
                f" the neurons' speed-up {self.speed_up:g}, not {clocks:.6g}"
            )
        handshake = (LATENCY + self.neurons - 1) * self.clock
        fastest = min(neuron.t_dead for group in self.groups for neuron in group.neurons)
        if handshake >= fastest / PS:
            slowest = fastest / (LATENCY + self.neurons - 1)
            raise ValueError(
                f"clock must be < {slowest:.3g} s, not {self.clock * PS:.3g} s: with"
                f" {self.neurons} analog neurons a spike's handshake takes"
                f" {LATENCY + self.neurons - 1} clocks, and a neuron can fire again after its dead"
                f" time of {fastest:.3g} s"
            )
        self.circuit()
        axons = self.core.network.axons
        before = 0
        for number, (time, axon) in enumerate(self.events):
            if time < before:
                raise ValueError(f"events[{number}] must be at {before} ps or later, not {time}")
            if not 0 <= axon < axons:
                raise ValueError(
                    f"events[{number}] must be of axon 0 .. {axons - 1}, which exist, not {axon}"
                )
            if self.first <= axon < self.first + self.neurons:
                raise ValueError(
                    f"events[{number}] must not be of axon {axon}, that of analog neuron"
                    f" {axon - self.first}"
                )
            before = time

    @property
    def speed_up(self) -> float:
        """How many seconds of the neurons' time pass in one of the chip's."""
        return self.groups[0].neurons[0].speed_up

    @property
    def tick(self) -> int:
        """Clocks in which `dt` passes."""
        return round(self.dt / self.speed_up / (self.clock * PS))

    @property
    def neurons(self) -> int:
        """How many analog neurons there are."""
        return sum(len(group.neurons) for group in self.groups)

    @property
    def synapses(self) -> int:
        """How many analog synapses there are."""
        return sum(len(group.synapses) for group in self.groups)

    @property
    def lookahead(self) -> int:
        """Time in ps for which all pulses are known: just less than the delay of the axons.

        An analog spike needs longer than that through the core back to any synapse.
        """
        return self.delay * self.clock - 1

    @property
    def patience(self) -> int:
        """Time in ps after which a handshake that has not ended means that the core hangs."""
        return 10 * self.tick * self.clock

    def circuit(self) -> MixedCore:
        """The digital half."""
        return MixedCore(
            self.core, self.neurons, self.first, self.routes, self.synapses,
            self.width, self.gap, self.delay, self.tick,
        )  # fmt: skip
