"""Pelgrom's law through sensitivities: what a chip drew, what that does to it, how far all spread.

The three hold the prediction against Monte Carlo in steps: the draws of all transistors of all
chips are Pelgrom's; a chip's response follows from its own draws; and so do standard deviations.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySpice.Spice.Netlist import Circuit

from rheobase.analog import pdk
from rheobase.analog.bias import design
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.monte_carlo import chips, each, measure
from rheobase.analog.sensitivity import Spread, drawn, predict, shifted
from rheobase.analog.technology import Matching, generic180, matching_of

from .conftest import BRUNEL, OFFSET

GF180 = Path(os.environ.get("RHEOBASE_SHARED", "")) / "pdk" / "gf180mcu"
BOUND = 3.5  # in standard errors: one false alarm in 2000 per number


def static(lif: AnalogLIF) -> np.ndarray:
    return measure(lif, []).values


@pytest.mark.parametrize(
    ("cell", "name", "quantity", "sign"),
    [
        ("comparator", "plus", 2, 1),
        ("comparator", "minus", 2, -1),
        ("ota", "plus", 1, -1),
        ("ota", "minus", 1, 1),
    ],
)
def test_a_shifted_input_moves_trip_and_rest_by_as_much(
    matched: AnalogLIF, cell: str, name: str, quantity: int, sign: int
) -> None:
    """The input pair of either amplifier has a gain of one from either gate."""
    shift = 2e-3
    moved = static(shifted(matched, {(cell, name): shift})) - static(matched)
    assert moved[quantity] == pytest.approx(sign * shift, rel=0.02)
    assert np.all(np.abs(np.delete(moved, [0, quantity])) < 0.01 * shift)


def test_a_shift_is_that_of_a_threshold(matched: AnalogLIF, spread: Spread) -> None:
    """A chip is the design with all its thresholds shifted; what is left is the current factor's.

    A_K/A_VT of 1 %/5 mV is at most 0.2 of a threshold's effect, at the inversion of 5 of the
    comparator's pMOS, where ``g_m n U_T/I`` is 0.36.
    """
    (chip,) = chips(matched, [3])
    reached = static(shifted(matched, drawn(chip))) - static(matched)
    wanted = static(chip) - static(matched)
    assert np.all(np.abs(reached - wanted) < BOUND * 0.2 * spread.first[:3])
    assert np.any(np.abs(wanted) > BOUND * 0.2 * spread.first[:3])


def residual(spread: Spread, samples: np.ndarray, draws: list, sd: np.ndarray) -> np.ndarray:
    """Root mean square of what first order misses of each quantity, in its `sd`."""
    missed = samples - np.array([spread.of(draw) for draw in draws])
    return np.sqrt(np.mean((missed / sd) ** 2, axis=0))


def allowed(spread: Spread, current_factor: float, count: int) -> np.ndarray:
    """Bound of `residual`: what the prediction leaves out, and the statistical error.

    The current factor, 3 % for the mobility, and a parabola's root mean square, ``sqrt(3) b``.
    """
    left_out = np.hypot(current_factor + 0.03, np.sqrt(3) * spread.curvature / spread.first)
    return left_out * (1 + BOUND / np.sqrt(2 * count))


def scores(spread: Spread, draws: list) -> np.ndarray:
    """All draws in standard deviations of their device, shape (chips, devices)."""
    return np.array([[draw[d] for d in spread.devices] for draw in draws]) / spread.deviations


COUNT = 24


@pytest.fixture(scope="module")
def samples(matched: AnalogLIF, training: tuple[float, ...]) -> tuple[np.ndarray, list]:
    """What some chips do, shape (chips, quantities), and what they drew."""
    found = each(lambda chip: (measure(chip, training).values, drawn(chip)), some(matched))
    values, draws = zip(*found, strict=True)
    return np.array(values), list(draws)


def some(lif: AnalogLIF, count: int = COUNT) -> list[AnalogLIF]:
    return chips(lif, range(1, count + 1))


def test_every_draw_is_pelgroms(spread: Spread, samples: tuple[np.ndarray, list]) -> None:
    z = scores(spread, samples[1])
    assert abs(z.std() - 1) * np.sqrt(2 * z.size) < BOUND
    assert abs(z.mean()) * np.sqrt(z.size) < BOUND


def test_each_chip_follows_from_its_own_draws(
    spread: Spread, samples: tuple[np.ndarray, list]
) -> None:
    values, draws = samples
    assert np.all(residual(spread, values, draws, spread.first) < allowed(spread, 0.2, COUNT))


def test_the_spread_of_chips_is_pelgroms_through_the_sensitivities(
    spread: Spread, samples: tuple[np.ndarray, list]
) -> None:
    """First order; second order says that it is off by less than 4 % even next to the rheobase."""
    assert np.all(spread.excess(samples[0]) < BOUND)
    assert np.all(np.abs(spread.second / spread.first - 1) < 0.05)


@pytest.mark.parametrize("quantity", range(6))
def test_a_wrong_sensitivity_is_seen(
    spread: Spread, samples: tuple[np.ndarray, list], quantity: int
) -> None:
    """The largest one with the wrong sign, or three times too large."""
    values, draws = samples
    largest = int(np.argmax(np.abs(spread.contributions[quantity])))
    for factor in (-1.0, 3.0):
        contributions = spread.contributions.copy()
        contributions[quantity, largest] *= factor
        wrong = replace(spread, contributions=contributions)
        assert (residual(wrong, values, draws, spread.first) > allowed(spread, 0.2, COUNT))[
            quantity
        ]


def test_wrong_matching_figures_are_seen(spread: Spread, samples: tuple[np.ndarray, list]) -> None:
    values, draws = samples
    for factor in (0.4, 2.5):
        wrong = replace(
            spread,
            contributions=factor * spread.contributions,
            deviations=factor * spread.deviations,
            slope=factor * spread.slope,
            curvature=factor**2 * spread.curvature,
        )
        assert np.all(wrong.excess(values) > BOUND)
        assert abs(scores(wrong, draws).std() - 1) * np.sqrt(2 * len(draws)) > BOUND


def test_the_design_has_the_offsets_that_it_was_asked_for(spread: Spread) -> None:
    """Its laws are bounds: the mirrors' slope factor is larger, some gates larger than need be."""
    assert np.all(spread.first[1:3] <= OFFSET)
    assert np.all(spread.first[1:3] > 0.7 * OFFSET)


class Quartered(AnalogLIF):
    """One transistor of the comparator has a quarter of its gate area."""

    def circuit(self) -> Circuit:
        circuit = super().circuit()
        (cell,) = (cell for cell in circuit.subcircuits if cell.name == "comparator")
        gate = cell["Xplus"].parameters
        gate["w"], gate["l"] = gate["w"] / 2, gate["l"] / 2
        return circuit


def test_a_transistor_of_a_quarter_of_the_area_is_seen(matched: AnalogLIF, spread: Spread) -> None:
    many = 120  # the pair's one gate makes 0.3 of the variance, and four times that
    faulty = Quartered(**vars(matched))
    faulty_chips = some(faulty, many)
    trips = np.array(each(static, faulty_chips))
    rest_and_trip = spread.only(slice(0, 3))
    assert rest_and_trip.excess(trips)[2] > BOUND
    assert rest_and_trip.excess(np.array(each(static, some(matched, many))))[2] < BOUND
    draws = each(drawn, faulty_chips)
    sd = scores(spread, draws).std(axis=0) - 1
    seen = np.abs(sd) * np.sqrt(2 * many) > BOUND
    assert [d for d, s in zip(spread.devices, seen, strict=True) if s] == [("comparator", "plus")]


@pytest.mark.needs_shared
def test_gf180mcu_spreads_as_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real time; its model file draws thresholds only, over the area that the gates really have."""
    monkeypatch.setenv("PDK_ROOT", str(GF180))
    lif = design(BRUNEL, pdk.gf180mcu(), voltage_scale=2.5, offset=2e-3)
    found = predict(lif, static, matching_of(lif.technology))
    drawn_chips = some(lif, 20)
    values, draws = np.array(each(static, drawn_chips)), each(drawn, drawn_chips)
    z = scores(found, draws)
    assert abs(z.std() - 1) * np.sqrt(2 * z.size) < BOUND
    assert np.all(residual(found, values, draws, found.first) < allowed(found, 0.0, len(draws)))
    assert np.all(found.excess(values) < BOUND)


def test_what_cannot_be_predicted_is_told(matched: AnalogLIF) -> None:
    (chip,) = chips(matched, [1])
    with pytest.raises(ValueError, match="no seed of mismatch, not 1"):
        predict(chip, static, matching_of(generic180))
    with pytest.raises(ValueError, match="no transistor moves"):
        predict(matched, lambda lif: [lif.c_m], matching_of(generic180))


def test_pelgroms_law() -> None:
    """A pair of 4 um2 at 6 mV um: 3 mV; one device has half of the variance."""
    matching = Matching(6e-9, 3e-9, shorter=1e-6, wider=0.0)
    sd: Callable = matching.sd
    assert sd(generic180, "nch", 2e-6, 3e-6) == pytest.approx(3e-3 / np.sqrt(2))
    assert sd(generic180, "pch", 2e-6, 3e-6) == pytest.approx(1.5e-3 / np.sqrt(2))
