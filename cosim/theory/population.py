"""Predictions of populations and networks."""

import warnings
from argparse import Namespace
from typing import Any

import numpy as np

from ...models.neuron import QIF
from ...models.theory import balanced as balance
from ...models.theory import finite_size as finite
from ...models.theory import quadratic, siegert, stability, states
from ...models.theory.mean_field import FixedPoint, Network, fixed_points, relax
from .files import read_network, read_neuron
from .result import Column, Result
from .single import frequencies, together


def qif_population(args: Namespace) -> Result:
    """All stationary states, and where there are three of them."""
    neuron = read_neuron(args.neuron, QIF)
    rows = [
        (mu, point)
        for mu in args.mu
        for point in quadratic.fixed_points(neuron, mu, args.delta, args.coupling)
    ]
    low, high = quadratic.bistable_range(neuron, args.delta, args.coupling) or (None, None)
    return Result(
        (Column("mu", "V", [mu for mu, _ in rows]),),
        (
            Column("rate", "Hz", [p.rate for _, p in rows]),
            Column("mean voltage", "V", [p.voltage for _, p in rows]),
            Column("kind", "", [p.kind for _, p in rows], plotted=False),
            Column("stable", "", [p.stable for _, p in rows], plotted=False),
        ),
        (Column("bistable from mu", "V", low), Column("bistable to mu", "V", high)),
        curve=False,
    )


def qif_evolve(args: Namespace) -> Result:
    """The mean field over time."""
    neuron = read_neuron(args.neuron, QIF)
    if args.duration <= 0 or args.steps < 1:
        raise ValueError(
            f"--duration must be > 0 s and --steps at least 1, not {args.duration!r}, {args.steps}"
        )
    t = np.linspace(0, args.duration, args.steps + 1)
    start = args.rate, args.voltage
    rate, voltage = quadratic.evolve(neuron, args.mu, args.delta, args.coupling, t, start)
    outputs = Column("rate", "Hz", rate), Column("mean voltage", "V", voltage)
    return Result((Column("time", "s", t),), outputs)


def _state(network: Network, point: FixedPoint) -> tuple[Any, ...]:
    """Unstable modes, frequency and gain of the most excited one, name; None where unknown."""
    if np.all(point.rates < states.QUIET):
        return None, None, None, "quiescent"
    try:
        modes = stability.stability(network, point)
        return modes.unstable, modes.frequency, modes.gain, states.state(network, point)
    except ValueError as error:
        warnings.warn(f"no stability at {point.rates.tolist()} Hz: {error}", stacklevel=2)
        return None, None, None, None


def network(args: Namespace) -> Result:
    """Fixed points, one row for each of their populations."""
    described, names = read_network(args.file)
    points = (relax(described),) if args.relax else fixed_points(described, args.max_rate)
    rows: list[tuple[Any, ...]] = []
    for number, point in enumerate(points, 1):
        state = _state(described, point)
        for name, neuron, r, mu, sigma in zip(
            names, described.neurons, point.rates, point.mu, point.sigma, strict=True
        ):
            cv = float(siegert.cv(neuron, mu, sigma))
            rows.append((number, name, r, mu, sigma, cv, *state))
    numbers, populations, *columns = (list(column) for column in zip(*rows, strict=True))
    several = [f"{n} at {k}" for k, n in zip(numbers, populations, strict=True)]
    heads = (
        ("rate", "Hz", True), ("mu", "V", False), ("sigma", "V", False), ("CV", "", True),
        ("unstable modes", "", False), ("frequency", "Hz", False), ("gain", "", False),
        ("state", "", False),
    )  # fmt: skip
    return Result(
        (
            Column("population", "", populations if len(points) == 1 else several),
            Column("fixed point", "", numbers),
        ),
        tuple(
            Column(name, unit, values, plotted)
            for (name, unit, plotted), values in zip(heads, columns, strict=True)
        ),
    )


def _point(args: Namespace) -> tuple[Network, tuple[str, ...], FixedPoint]:
    described, names = read_network(args.file)
    points = fixed_points(described, args.max_rate)
    if not 1 <= args.point <= len(points):
        raise ValueError(f"--point must be in 1 .. {len(points)}, not {args.point}")
    return described, names, points[args.point - 1]


def loop_gain(args: Namespace) -> Result:
    """Largest eigenvalue of the loop's gain; where it is real and above 1, modulations grow."""
    described, _, point = _point(args)
    f = frequencies(args)
    values = np.linalg.eigvals(stability.loop_gain(described, point, f))
    largest = np.take_along_axis(values, np.abs(values).argmax(-1)[:, None], -1)[:, 0]
    return Result(
        (Column("frequency", "Hz", f),),
        (
            Column("gain", "", np.abs(largest)),
            Column("phase", "degrees", np.degrees(np.angle(largest))),
        ),
        log=bool(np.all(f > 0)),
    )


def finite_size(args: Namespace) -> Result:
    """Spectra of the populations' rates and magnitudes of their cross-spectra."""
    described, names, point = _point(args)
    unstable = stability.stability(described, point).unstable
    if unstable:
        raise ValueError(
            f"--point {args.point}: has {unstable} unstable modes; there is no spectrum about it"
        )
    f = frequencies(args)
    found = finite.spectrum(described, point, f)
    outputs = [
        Column(f"S {names[i]}" if i == j else f"|S {names[i]},{names[j]}|", "Hz",
               np.abs(found[:, i, j]))
        for i in range(len(names))
        for j in range(i, len(names))
    ]  # fmt: skip
    return Result((Column("frequency", "Hz", f),), tuple(outputs), log=bool(np.all(f > 0)))


def balanced(args: Namespace) -> Result:
    """Rates at which the mean inputs cancel, beside those of the lowest fixed point."""
    described, names = read_network(args.file)
    weights = described.in_degrees * described.weights
    external = described.external
    tau = np.array([neuron.tau_m for neuron in described.neurons])
    drive = external.in_degree * external.weight * external.rate + described.mu_ext / tau
    state = balance.balance(weights, drive)
    return Result(
        (Column("population", "", list(names)),),
        (
            Column("balanced", "Hz", balance.rates(weights, drive)),
            Column("mean field", "Hz", fixed_points(described)[0].rates),
        ),
        (
            Column("rates are positive", "", state.positive),
            Column("deviations decay", "", state.stable),
            Column("no other state", "", state.alone),
        ),
    )


def brunel(args: Namespace) -> Result:
    """State of Brunel's network at each g and eta, at its lowest fixed point."""
    g, eta = together(g=args.g, eta=args.eta)
    rows = []
    for a, b in zip(g, eta, strict=True):
        described = states.brunel_network(
            float(a), float(b), weight=args.weight, in_degree=args.in_degree, delay=args.delay
        )
        points = fixed_points(described)
        modes, frequency, gain, name = _state(described, points[0])
        rows.append((points[0].rates[0], frequency, gain, modes, name, len(points)))
    rate, frequency, gain, modes, name, count = (list(column) for column in zip(*rows, strict=True))
    return Result(
        (Column("g", "", g), Column("eta", "", eta)),
        (
            Column("rate", "Hz", rate),
            Column("frequency", "Hz", frequency),
            Column("gain", "", gain),
            Column("unstable modes", "", modes, plotted=False),
            Column("state", "", name, plotted=False),
            Column("fixed points", "", count, plotted=False),
        ),
    )
