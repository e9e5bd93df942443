"""The rate of a neuron from its membrane, held: slow legs by quadrature, fast ones on a bench.

While the membrane moves slowly, the rest of the circuit follows it, and

    dq/dt = i(v),   q = q(v):      a leg from a to b takes   int_a^b (dq/dv)/i(v) dv

i(v) is the current into the membrane held at v, drive included, from a DC sweep; ``dq/dv`` is what
a ramp of the held membrane draws beyond i, over its slope. A branch that follows the membrane late
by t adds ``-t di/dv`` to dq/dv, so that the ramp measures it too, to first order in the slope; a
ramp of twice the slope tells what the first order leaves out. Where the circuit itself is what
moves (an edge and its feedback, the reset), a bench prepares the membrane at the end of one leg and
takes the time to the start of the next. An interval is the sum of all. Everything is measured
twice, the second time with doubled steps and slopes, a ten times larger reltol, and legs shorter by
a fifth at either end; the difference bounds the error, that of calling a leg slow included.

What is left out: that a node which no current feeds, such as the drain of a switch that is off or
of a synapse at rest, remembers the last spike. It moves on as the logarithm of time, and takes a
charge of some femtocoulombs from the membrane that the benches, which begin at rest, do not see.
"""

from dataclasses import dataclass

import numpy as np

from ...models.theory import measured_leak
from ...models.theory.measured_leak import MeasuredNeuron
from ..benches import crossing
from ..cells.bench import STATIC, TRANSIENT
from .neuron import Leg, Neuron

POINTS = 200
"""Of the sweep of a leg; the table of i and dq/dv has as many."""


@dataclass(frozen=True)
class Interval:
    """A predicted interspike interval.

    Parameters
    ----------
    slow, fast : float
        Time in s on the legs and between them.
    terms : dict of str to float
        Bounds of the error in s, by cause.
    """

    slow: float
    fast: float
    terms: dict[str, float]

    @property
    def length(self) -> float:
        """The interval in s."""
        return self.slow + self.fast

    @property
    def error(self) -> float:
        """Bound of its relative error."""
        return sum(self.terms.values()) / self.length


def predict(neuron: Neuron, current: float) -> Interval:
    """The interspike interval at a constant current in A; infinite if it does not make spikes.

    Parameters
    ----------
    neuron : Neuron
    current : float
    """
    slow, fast, table = np.zeros(2), np.zeros(2), 0.0
    for k, legs in enumerate((neuron.legs, tuple(leg.shorter for leg in neuron.legs))):
        for leg, following in zip(legs, (*legs[1:], legs[0]), strict=True):
            time, error = slow_part(neuron, leg, current, k + 1)
            if time == np.inf:
                return Interval(np.inf, 0.0, {})
            slow[k] += time
            table += error / 2
            fast[k] += sum(fast_part(neuron, leg, following, current, time, k + 1))
            if fast[k] == np.inf:
                return Interval(np.inf, 0.0, {})
    terms = {"refinement": abs(float(slow[1] + fast[1] - slow[0] - fast[0])), "table": table}
    return Interval(float(slow[0]), float(fast[0]), terms)


def held(
    neuron: Neuron, leg: Leg, current: float, coarseness: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Membrane voltages (V) along a leg, and the current (A) into the membrane held at each."""
    step = coarseness * (leg.end - leg.start) / POINTS
    lines = (
        f"Istimulus 0 {neuron.source} {current!r}\nVm m 0 0\n"
        f".dc Vm {leg.start!r} {leg.end + step / 2!r} {step!r}\n.save v(m) i(Vm)"
    )
    found = neuron.circuit.measure(lines, ["m", "vm#branch"], STATIC * 10 ** (coarseness - 1))
    return found["m"], found["vm#branch"]


def ramp(
    neuron: Neuron, leg: Leg, current: float, duration: float, coarseness: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Membrane voltages (V) of a ramp along a leg, and the current (A) out of its source there.

    It starts a fifth of the leg earlier, that what follows late may do so.
    """
    before = leg.start - (leg.end - leg.start) / 5
    total = 1.2 * duration / coarseness
    step = total / (1.2 * POINTS)
    lines = (
        f"Istimulus 0 {neuron.source} {current!r}\nVm m 0 pwl(0 {before!r} {total!r} {leg.end!r})\n"
        f".tran {step!r} {total!r} 0 {step!r}\n.save v(m) i(Vm)"
    )
    found = neuron.circuit.measure(lines, ["m", "vm#branch"], STATIC * 10**coarseness)
    return found["m"], found["vm#branch"]


def charge(
    neuron: Neuron, leg: Leg, current: float, duration: float, coarseness: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voltage (V), current into the held membrane (A) and dq/dv (F) along a leg.

    `duration` is that of the ramp in s, halved by a coarseness of 2.
    """
    v, i = held(neuron, leg, current, coarseness)
    order = 1 if leg.end > leg.start else -1
    at, moving = ramp(neuron, leg, current, duration, coarseness)
    slope = coarseness * (leg.end - leg.start) / duration
    return v, i, (i - np.interp(order * v, order * at, moving)) / slope


def slow_part(neuron: Neuron, leg: Leg, current: float, coarseness: int = 1) -> tuple[float, float]:
    """Time (s) on a leg and the error of the quadrature over its table."""
    v, i = held(neuron, leg, current, coarseness)
    order = 1.0 if leg.end > leg.start else -1.0
    if not np.all(order * i > 0):
        return np.inf, 0.0
    passage = float(np.trapezoid(1 / i, v))  # times the capacitance
    duration = 1e-12 * passage
    for _ in range(2):
        v, i, c = charge(neuron, leg, current, duration, coarseness)
        duration = float(np.trapezoid(c / i, v))
    q = np.concatenate([[0.0], np.cumsum((c[1:] + c[:-1]) / 2 * np.diff(order * v))])
    on_one_farad = MeasuredNeuron(
        v=q, i_leak=order * i, c_m=1.0, v_trip=float(q[-1]), v_reset=float(q[0])
    )
    rate, error = measured_leak.rate(on_one_farad, 0.0)
    return 1 / float(rate), float(error) / float(rate) ** 2


def fast_part(
    neuron: Neuron,
    leg: Leg,
    following: Leg,
    current: float,
    time: float,
    coarseness: int = 1,
    prepared: str = "",
) -> tuple[float, float]:
    """Times (s) from the end of one leg to the edge of the spike, and on to the following leg.

    The membrane is released a fifth of the leg before its end, of which `time` (s) is the whole;
    `prepared` may have initial conditions of other nodes. Infinite if the membrane stays for a
    hundred times as long.
    """
    start, t_stop = leg.end - (leg.end - leg.start) / 5, time
    step, half = coarseness * time / 400, neuron.circuit.technology.supply / 2
    for _ in range(8):
        lines = (
            f"Istimulus 0 {neuron.source} {current!r}\n.ic v(m)={start!r}{prepared}\n"
            f".tran {step!r} {t_stop!r} 0 {step!r}\n.save v(m) v(spike)"
        )
        found = neuron.circuit.measure(
            lines, ["time", "m", "spike"], TRANSIENT / 10 * 10 ** (coarseness - 1)
        )
        t, v = found["time"], found["m"]
        left = _passes(t, v, leg.end, leg)
        back = _passes(t, v, following.start, following)
        if left.size and (back > left[0]).any():
            edge = _edge(t, found["spike"], half, left[0])
            return edge - float(left[0]), float(back[back > left[0]][0]) - edge
        t_stop *= 2
    return np.inf, np.inf


def _edge(t: np.ndarray, spike: np.ndarray, half: float, after: float) -> float:
    """The first edge of the spike, up or down, after a time; all in s."""
    edges = np.concatenate([crossing(t, spike, half), crossing(t, -spike, -half)])
    return float(np.min(edges[edges > after]))


def _passes(t: np.ndarray, v: np.ndarray, level: float, leg: Leg) -> np.ndarray:
    """Times (s) at which the membrane passes a level in the direction of a leg."""
    order = 1 if leg.end > leg.start else -1
    return crossing(t, order * v, order * level)
