"""What the network simulator refuses, how much memory it takes, and how it ends."""

import os
import signal
import threading
from collections.abc import Callable

import numpy as np
import pytest

from rheobase.models.reference import network, wiring
from rheobase.models.reference.network import (
    Bernoulli,
    Conductance,
    Drive,
    Exponential,
    FixedInDegree,
    Pairs,
    Poisson,
    Population,
    Projection,
    SpikeTrains,
    simulate,
)
from tests.simulated import DT, G_E, C, L, brunel


@pytest.mark.parametrize(
    ("targets", "individual", "most"), [(5000, False, 2), (70_000, False, 4), (70_000, True, 10)]
)
def test_bytes_per_synapse(targets: int, individual: bool, most: int) -> None:
    pre, post = Population(L, 20), Population(L, targets)
    weight = (lambda rng, n: rng.random(n)) if individual else 1e-3
    projection = Projection(pre, post, FixedInDegree(20), weight, 1e-3)
    made = wiring.wire(projection, np.array([0, targets]), DT, 1, 0)
    per_synapse = (
        [made.targets.target, made.weight, made.delay] if individual else [made.targets.target]
    )
    assert sum(each.nbytes for each in per_synapse) == most * 20 * targets  # type: ignore[union-attr]
    per_source = made.targets.first.nbytes + made.cut.nbytes
    assert per_source <= 8 * 4 * 21


def test_what_exceeds_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = Population(L, 1_000_000)
    projection = Projection(cells, cells, FixedInDegree(10_000_000), 1e-3, 1e-3)
    with pytest.raises(MemoryError, match=r"the synapses need 4e\+04 GB; .* GB are available"):
        simulate([cells], [projection], [], 1.0, DT, 1)
    monkeypatch.setattr(wiring, "available_memory", lambda: 1_000_000)
    small = Population(L, 1000)
    projection = Projection(small, small, FixedInDegree(100), 1e-3, 100.0)
    with pytest.raises(MemoryError, match="ring buffers and recordings need 2 GB"):
        simulate([small], [projection], [], 1.0, DT, 1)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_ends_it(threads: int) -> None:
    before = threading.active_count()
    parts = brunel(250, 5.0, 2.0, 0.1e-3)
    simulate(*parts, 0.01, DT, 1, threads)  # compiled
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        simulate(*parts, 1000.0, DT, 1, threads)
    timer.join()
    assert threading.active_count() == before


def test_an_error_in_a_helper_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, thread: int, *rest: object) -> None:
        if thread == 1:
            raise OSError("planted")

    monkeypatch.setattr(network.Cells, "advance", fail)
    with pytest.raises(OSError, match="planted"):
        simulate(*brunel(250, 5.0, 2.0, 0.1e-3), 0.1, DT, 1, threads=2)


def small(**change: object) -> Callable[[], object]:
    """A simulation of two neurons with one thing changed."""
    cells = Population(L, 2)
    given = {"pre": cells, "post": cells, "connect": Pairs([0], [1]), "weight": 1e-3, "delay": 1e-3}
    given |= {name: change.pop(name) for name in [*change] if name in (*given, "synapse")}
    rest = {"populations": [cells], "inputs": [], "t_stop": 0.01, "dt": DT, "seed": 1} | change

    def run() -> object:
        return simulate(projections=[Projection(**given)], **rest)  # type: ignore[arg-type]

    return run


NAN = float("nan")
CELLS = Population(L, 4)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (small(delay=0.15e-3), ValueError, "delay must be a multiple of dt = 0.0001 s"),
        (small(delay=0.0), ValueError, "delay must be .* at least 1, not 0.0 s"),
        (small(delay=-1e-3), ValueError, "delay must be .* at least 1, not -0.001 s"),
        (small(delay=[0.25e-3]), ValueError, "delay must be .* not 0.00025 s"),
        (small(delay=[7.0]), ValueError, "delay must be <= 65535 dt, not 70000 dt"),
        (small(delay=NAN), ValueError, "delay must be finite, not nan"),
        (small(delay="1 ms"), TypeError, "delay must be a number, an array or callable"),
        (small(weight=NAN), ValueError, "weight must be finite, not nan"),
        (small(weight=[1e-3, 1e-3]), ValueError, r"weight must have one entry per pair, not .*2"),
        (small(weight=[1e-3], connect=Bernoulli(0.5)), ValueError, "array only with Pairs"),
        (small(weight=lambda rng, n: np.ones(n + 1)), ValueError, r"weight\(rng, 1\) .* \(1,\)"),
        (small(weight=lambda rng, n: np.full(n, NAN)), ValueError, r"weight\(rng, 1\) .* finite"),
        (small(pre=CELLS), ValueError, "populations must hold every population"),
        (small(pre=L), TypeError, "pre must be a Population or SpikeTrains"),
        (small(post=L), TypeError, "post must be a Population"),
        (small(connect=0.5), TypeError, "connect must be a FixedInDegree or Bernoulli or Pairs"),
        (small(connect=Pairs([2], [0])), ValueError, "pre must name neurons 0 .. 1, not 2"),
        (small(synapse=G_E), TypeError, "needs a ConductanceLIF"),
        (small(synapse="delta"), TypeError, "synapse must be a Delta or Exponential"),
        (small(populations=[]), ValueError, "populations must be one or more"),
        (small(populations=[CELLS, CELLS]), ValueError, "populations must be one or more, each"),
        (small(populations=[L]), TypeError, "populations must be a Population"),
        (small(inputs=[1.0]), TypeError, "inputs must be a Poisson or Drive"),
        (small(dt=0.0), ValueError, "dt must be > 0 s, not 0.0"),
        (small(dt=NAN), ValueError, "dt must be finite"),
        (small(t_stop=-1.0), ValueError, "t_stop must be a multiple"),
        (small(t_stop=1.23456e-3), ValueError, "t_stop must be a multiple of dt"),
        (small(seed=-1), ValueError, "seed must be >= 0, not -1"),
        (small(seed=1.0), TypeError, "seed must be an integer"),
        (small(threads=0), ValueError, "threads must be >= 1, not 0"),
        (small(record=[2]), ValueError, "record must name neurons 0 .. 1, not 2"),
        (small(record=[1, 1]), ValueError, "record must name each neuron once"),
        (lambda: Population(20e-3, 3), TypeError, "neuron must be a LIF or EIF"),
        (lambda: Population(L, 0), ValueError, "n must be >= 1, not 0"),
        (lambda: Population(L, 3, [0.0, 1.0]), ValueError, r"v0 .* shape \(3,\), not \(2,\)"),
        (lambda: Population(L, 3, NAN), ValueError, "v0 must be finite"),
        (lambda: SpikeTrains(2, [1e-3], [2]), ValueError, r"ids must be 0 .. 1, not 2 .. 2"),
        (lambda: SpikeTrains(2, [0.0], [1]), ValueError, "times must be finite and > 0 s"),
        (lambda: SpikeTrains(2, [1e-3], [0.0]), TypeError, "ids must hold integers"),
        (lambda: SpikeTrains(2, [1e-3], []), ValueError, "times and ids must pair up"),
        (small(pre=SpikeTrains(1, [1.5e-4], [0])), ValueError, "times must be a multiple of dt"),
        (small(pre=SpikeTrains(1, [1e-3] * 2, [0, 0])), ValueError, "train 0 has two spikes"),
        (lambda: Poisson(CELLS, -1.0, 1e-3), ValueError, "rate must be finite and >= 0"),
        (lambda: Poisson(CELLS, 1.0, "x"), TypeError, "weight must be a number"),
        (lambda: Poisson(Population(C, 1), 1.0, -1.0, G_E), ValueError, "Conductance must be >= 0"),
        (lambda: simulate([CELLS], [], [Poisson(CELLS, 1e9, 1e-9)], 1.0, DT, 1), ValueError,
         "rate must be <= 5e.08 Hz"),
        (lambda: Drive(CELLS, [1.0, 2.0]), ValueError, r"mu must be a number or have shape \(4,\)"),
        (lambda: Drive(CELLS, NAN), ValueError, "mu must be finite"),
        (lambda: simulate([CELLS], [], [Drive(CELLS, np.ones((9, 1)))], 1e-3, DT, 1), ValueError,
         r"mu must have one row per step, 10, not shape \(9, 1\)"),
        (lambda: Exponential(0.0), ValueError, "tau_s must be finite and > 0 s, not 0.0"),
        (lambda: Exponential("2 ms"), TypeError, "tau_s must be a number"),
        (lambda: Conductance("shunting", 1e-3), ValueError, "kind must be 'excitatory' or"),
    ],
)  # fmt: skip
def test_errors(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
