"""The comparator: what it draws, how soon it answers, and how large gates have to be to match."""

from dataclasses import replace

import numpy as np
import pytest

from rheobase.analog.cells import comparator
from rheobase.analog.cells.cell import Size
from rheobase.analog.technology import Technology, generic180, matching_of


@pytest.mark.parametrize("offset", [None, 2.4e-3])
@pytest.mark.parametrize("time", [20e-6, 2e-6])
def test_it_answers_within_a_tenth_of_its_time(
    technology: Technology, time: float, offset: float | None
) -> None:
    """A ramp of 10 mV in that time; a tenth of the bias would be seen."""
    middle = technology.supply / 2
    design = comparator.design(technology, time, offset)
    slow = replace(design, currents={"bias": design.currents["bias"] / 10})
    late, later = (
        comparator.delay(each, middle, comparator.trip(each, middle)[0], 10e-3 / time)
        for each in (design, slow)
    )
    assert abs(late) < 0.1 * time
    assert later > 0.2 * time


def test_below_threshold_it_draws_only_the_bias_and_the_tail(technology: Technology) -> None:
    """Gates are short: the tail gives up to twice the bias; a crow-bar would be a thousandfold."""
    design = comparator.design(technology, 2e-6)
    tripped, drawn = comparator.trip(design, technology.supply / 2)
    assert 1.9 < drawn / design.currents["bias"] < 3
    assert abs(tripped - technology.supply / 2) < 20e-3


def test_gates_are_pelgroms_and_power_times_offset_squared_is_constant(
    technology: Technology,
) -> None:
    """Half of the offset takes four times the area and four times the bias."""
    matching = matching_of(technology)
    for offset in (4e-3, 2e-3):
        current, pair, load, _ = comparator.sized(technology, 2e-6, offset)
        variance = matching.nmos**2 / (pair.w * pair.l) + matching.pmos**2 / (load.w * load.l)
        assert np.sqrt(variance) == pytest.approx(offset)
        assert current * offset**2 == pytest.approx(
            4 * comparator.sized(technology, 2e-6, 2 * offset)[0] * offset**2
        )


def test_an_easy_offset_leaves_the_smallest_gates() -> None:
    assert comparator.sized(generic180, 2e-6, 0.1) == comparator.sized(generic180, 2e-6)
    assert comparator.sized(generic180, 2e-6)[3] == Size(generic180.w_min, generic180.l_min)


def test_what_it_cannot_do_is_told() -> None:
    with pytest.raises(ValueError, match="time must be finite and > 0, not 0"):
        comparator.design(generic180, 0.0)
    with pytest.raises(ValueError, match=r"technology must be one of .*matching is known.*'other'"):
        comparator.design(replace(generic180, name="other"), 2e-6, 1e-3)
    with pytest.raises(ValueError, match="does not answer a ramp of"):
        comparator.delay(comparator.design(generic180, 2e-3), 0.9, 0.9, 1e6)
