"""A DPI synapse of a wanted weight at a transistor neuron: designed, extracted, corrected.

Its equation (`models.reference.log_domain_synapse`) is fitted on a bench, under a Poisson train of
pulses at the rate that it will hear. The increment is corrected once, so that a pulse of that train
brings on average the charge asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ...analog import bombardment
from ...analog.bombardment import ExtractedDPI
from ...analog.cells import dpi
from ...analog.cells.bench import Design
from ...analog.lif import AnalogLIF
from ...models.reference.log_domain_synapse import serial
from ...models.units import show
from .chip import Chip

EVENTS = 300  # of each train on the bench
CAPACITORS = (1e-12, 0.5e-12, 0.25e-12, 0.125e-12)  # F

Made = TypeVar("Made")


@dataclass(frozen=True)
class Synapse:
    """A designed synapse and what its equation needs; chip units, and the sign of its current."""

    design: Design
    extracted: ExtractedDPI
    sign: int


def made(
    chip: Chip, weight: float, tau_s: float, width: float, rate: float, rng: np.random.Generator
) -> Synapse:
    """Design and extract a synapse.

    Parameters
    ----------
    chip : Chip
        Of the neuron without synapses.
    weight : float
        In V of the described neuron, not 0: what a pulse's charge moves its membrane by.
    tau_s, width : float
        Time constant and width of a pulse, in s of the chip.
    rate : float
        Of the pulses in Hz of the chip.
    rng : Generator
        Of the trains on the bench.

    Raises
    ------
    ValueError
        No capacitor brings the bias currents into weak inversion.
    """
    lif = chip.lif
    charge = abs(lif.current(weight)) * lif.tau_m
    kind: dpi.Kind = "excitatory" if weight > 0 else "inhibitory"
    waits = rng.exponential(1 / rate, (2, EVENTS))
    trains = tuple(serial(np.cumsum(each), width) for each in waits)
    rest, given = chip.extracted.v_rest.value, 1.0
    for _ in range(2):
        design, constants = _designed(lif, kind, tau_s, given * charge / tau_s, width)
        found = bombardment.extract(
            design, constants, (trains[0], trains[1]), width, rest, lif.tau_m
        )
        brought = found.equation.currents(trains[0], float(waits[0].sum()), 1)[0] * waits[0].sum()
        given *= EVENTS * charge / brought
    return Synapse(design, found, 1 if weight > 0 else -1)


def with_largest(capacitors: Sequence[float], design: Callable[[float], Made], what: str) -> Made:
    """The design with the first capacitor (F, falling) whose I_w is in weak inversion.

    Raises
    ------
    ValueError
        There is no `what`, and why.
    """
    first, *smaller = capacitors
    try:
        return design(first)
    except ValueError as error:
        if "I_w" not in str(error) or not smaller:
            raise ValueError(f"no {what}: {error}") from error
    return with_largest(smaller, design, what)


def _designed(
    lif: AnalogLIF, kind: dpi.Kind, tau_s: float, increment: float, width: float
) -> tuple[Design, dpi.Constants]:
    """Chip seconds, A."""
    return with_largest(
        CAPACITORS,
        lambda c: dpi.design(lif.technology, kind, tau_s, increment, width, c),
        f"DPI synapse of tau_s = {show(tau_s, 's')} and {show(increment, 'A', 3)}"
        f" at speed-up {lif.speed_up:g}",
    )
