"""Predictions of one neuron under white noise."""

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.neuron import EIF, LIF, QIF
from ...models.theory import (
    discrete_time,
    evolve,
    exponential,
    first_passage,
    fokker_planck,
    linear_response,
    quadratic,
    siegert,
)
from .files import read_neuron
from .result import Column, Result


def together(**values: list[float]) -> list[NDArray[np.float64]]:
    """Lists of one length; one value goes with all others."""
    try:
        return [np.array(a, float) for a in np.broadcast_arrays(*values.values())]
    except ValueError:
        lengths = " and ".join(f"{len(v)} of --{k.replace('_', '-')}" for k, v in values.items())
        raise ValueError(f"give as many of each, or one, not {lengths}") from None


def frequencies(args: Namespace) -> NDArray[np.float64]:
    """Those asked for, or the default."""
    return np.array(np.geomspace(1, 1000, 60) if args.frequency is None else args.frequency)


def _drive_and_noise(args: Namespace) -> tuple[Column, Column]:
    mu, sigma = together(mu=args.mu, sigma=args.sigma)
    return Column("mu", "V", mu), Column("sigma", "V", sigma)


def _in_steps(neuron: LIF, inputs: tuple[Column, Column], dt: float) -> list[Any]:
    pairs = zip(*(column.values for column in inputs), strict=True)
    return [discrete_time.solve(neuron, float(mu), float(sigma), dt) for mu, sigma in pairs]


def _of_lif(args: Namespace, option: str, *others: type) -> Any:
    """The neuron; a LIF neuron if `option` is given."""
    if getattr(args, option) is None:
        return read_neuron(args.neuron, LIF, *others)
    try:
        return read_neuron(args.neuron, LIF)
    except ValueError as error:
        raise ValueError(f"with --{option.replace('_', '-')}: {error}") from None


def rate(args: Namespace) -> Result:
    """Siegert; exact in discrete time; coloured noise; EIF; QIF."""
    if args.dt is not None and args.tau_s is not None:
        raise ValueError("give --dt or --tau-s, not both")
    neuron = _of_lif(args, "tau_s" if args.dt is None else "dt", EIF, QIF)
    inputs = _drive_and_noise(args)
    mu, sigma = (column.values for column in inputs)
    if args.dt is not None:
        found = _in_steps(neuron, inputs, args.dt)
        error = Column("relative error", "", [f.error for f in found], plotted=False)
        return Result(inputs, (Column("rate", "Hz", [f.rate for f in found]), error))
    if isinstance(neuron, LIF):
        rates = siegert.rate(neuron, mu, sigma, tau_s=args.tau_s)
    else:
        theory = exponential if isinstance(neuron, EIF) else quadratic
        rates = theory.rate(neuron, mu, sigma)
    return Result(inputs, (Column("rate", "Hz", rates),))


def log_rate(args: Namespace) -> Result:
    """Siegert's, of the rate in Hz."""
    neuron, inputs = read_neuron(args.neuron, LIF), _drive_and_noise(args)
    mu, sigma = (column.values for column in inputs)
    found = siegert.log_rate(neuron, mu, sigma, tau_s=args.tau_s)
    return Result(inputs, (Column("ln(rate / Hz)", "", found),))


def cv(args: Namespace) -> Result:
    """Brunel's; exact in discrete time; EIF."""
    neuron, inputs = _of_lif(args, "dt", EIF), _drive_and_noise(args)
    if args.dt is not None:
        values = [found.cv for found in _in_steps(neuron, inputs, args.dt)]
    else:
        theory = siegert if isinstance(neuron, LIF) else exponential
        values = theory.cv(neuron, *(column.values for column in inputs))
    return Result(inputs, (Column("CV", "", values),))


def slopes(args: Namespace) -> Result:
    """Derivatives of Siegert's rate."""
    neuron, inputs = read_neuron(args.neuron, LIF), _drive_and_noise(args)
    mu, sigma = (column.values for column in inputs)
    return Result(
        inputs,
        (
            Column("d rate / d mu", "Hz/V", siegert.rate_dmu(neuron, mu, sigma)),
            Column("d rate / d sigma", "Hz/V", siegert.rate_dsigma(neuron, mu, sigma)),
        ),
    )


def drive(args: Namespace) -> Result:
    """Inverse of Siegert's rate; a current, too, if the capacitance is known."""
    neuron = read_neuron(args.neuron, LIF)
    rates, sigma = together(rate=args.rate, sigma=args.sigma)
    mu = siegert.mu_for_rate(neuron, rates, sigma)
    outputs = [Column("mu", "V", mu)]
    if neuron.c_m is not None:
        outputs.append(Column("current", "A", siegert.current_for_rate(neuron, rates, sigma)))
    return Result((Column("rate", "Hz", rates), Column("sigma", "V", sigma)), tuple(outputs))


def isi(args: Namespace) -> Result:
    """Density of the interval, or its probabilities in discrete time."""
    neuron = read_neuron(args.neuron, LIF)
    if args.dt is not None:
        found = discrete_time.solve(neuron, args.mu, args.sigma, args.dt)
        longest = max(args.t) if args.t is not None else 4 / found.rate
        count = longest / args.dt
        if not 1 <= count <= 1e6:
            raise ValueError(f"--t: the longest interval, {longest!r} s, is no 1 to 1e6 steps")
        pmf = found.isi(int(count))
        t = np.arange(len(pmf)) * args.dt
        return Result((Column("interval", "s", t),), (Column("probability", "", pmf),))
    if args.t is None:
        rate = float(siegert.rate(neuron, args.mu, args.sigma))
        if rate == 0:
            raise ValueError("--t is needed: the rate is 0 Hz")
        args.t = np.linspace(0, 4 / rate, 201)
    t = np.array(args.t)
    density = first_passage.isi_density(neuron, args.mu, args.sigma, t)
    return Result((Column("interval", "s", t),), (Column("density", "1/s", density),))


def _response(
    args: Namespace, name: str, unit: str, function: Callable[[NDArray[np.float64]], Any]
) -> Result:
    """A complex function of frequency, by magnitude and phase."""
    f = frequencies(args)
    found = function(f)
    phase = np.degrees(np.angle(found))
    outputs = Column(name, unit, np.abs(found)), Column("phase", "degrees", phase)
    return Result((Column("frequency", "Hz", f),), outputs, log=bool(np.all(f > 0)))


def isi_laplace(args: Namespace) -> Result:
    """E exp(-(s + 2 pi i f) T)."""
    neuron = read_neuron(args.neuron, LIF)
    return _response(
        args, "|L|", "",
        lambda f: first_passage.isi_laplace(neuron, args.mu, args.sigma, args.s + 2j * np.pi * f),
    )  # fmt: skip


def susceptibility(args: Namespace) -> Result:
    """Of the rate to drive or noise."""
    neuron = read_neuron(args.neuron, LIF, EIF)
    of = linear_response.susceptibility
    if args.of == "noise":
        of = linear_response.noise_susceptibility
    return _response(args, "gain", "Hz/V", lambda f: of(neuron, args.mu, args.sigma, f))


def density(args: Namespace) -> Result:
    """Stationary solution of the Fokker-Planck equation, or of the steps."""
    neuron = _of_lif(args, "dt", EIF)
    found: Any = None
    if args.dt is None:
        found = fokker_planck.stationary(neuron, args.mu, args.sigma)
    else:
        found = discrete_time.solve(neuron, args.mu, args.sigma, args.dt)
        if not len(found.v):
            raise ValueError("--sigma must be > 0 V for a density")
    facts = Column("rate", "Hz", found.rate), Column("relative error of it", "", found.error)
    return Result((Column("V", "V", found.v),), (Column("density", "1/V", found.density),), facts)


def step_response(args: Namespace) -> Result:
    """The population's rate after a step, from the stationary state before it."""
    neuron = read_neuron(args.neuron, LIF, EIF)
    mu = args.mu if args.mu_to is None else args.mu_to
    sigma = args.sigma if args.sigma_to is None else args.sigma_to
    duration = 5 * neuron.tau_m if args.duration is None else args.duration
    if duration <= 0 or args.steps < 1:
        raise ValueError(
            f"--duration must be > 0 s and --steps at least 1, not {duration!r}, {args.steps}"
        )
    dt = duration / args.steps
    found = evolve.evolve(neuron, mu, sigma, duration, dt, start=(args.mu, args.sigma))
    middle = (found.t[1:] + found.t[:-1]) / 2
    return Result((Column("time", "s", middle),), (Column("rate", "Hz", found.rate),))
