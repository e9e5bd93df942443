"""The mean interval by iteration, against the elimination of the same chain."""

from dataclasses import replace

import pytest

from rheobase.models.integer import iterated, markov
from rheobase.models.integer.input import IntegerInput
from rheobase.models.integer.iterated import mean_interval
from rheobase.models.integer.lif import IntegerLIF

NEURON = IntegerLIF(11, 640, -40, 3, leak_bits=12, leak_multiplier=3900)
NOISE = IntegerInput.gaussian(28.3, 60.0, 16)


@pytest.mark.parametrize("rounding", ["floor", "nearest", "stochastic", "truncate"])
@pytest.mark.parametrize("leak", ["multiply", "shift"])
def test_it_is_that_of_elimination(rounding, leak):
    neuron = replace(NEURON, rounding=rounding)
    if leak == "shift":
        neuron = replace(neuron, leak="shift", leak_bits=4, leak_multiplier=0)
    sources = [
        NOISE,
        IntegerInput.gaussian(-10.0, 150.0, 16),  # to the lower end of the state
        IntegerInput.poisson([3.0, 0.5], [20, -30], -2),  # few values
        IntegerInput.poisson([0.8], [70], 5),  # never down
    ]
    for source in sources:
        wanted, found = markov.solve(neuron, source), mean_interval(neuron, source)
        assert found.error < 1e-4
        assert abs(found.steps / wanted.mean_isi - 1) <= found.error + wanted.error


def test_the_bound_holds_where_iteration_stops_early(monkeypatch):
    wanted = markov.solve(NEURON, NOISE).mean_isi
    errors = []
    for residual in (1e-2, 1e-3, 1e-5):
        monkeypatch.setattr(iterated, "_RESIDUAL", residual)
        found = mean_interval(NEURON, NOISE)
        assert abs(found.steps / wanted - 1) <= found.error
        errors.append(found.error)
    assert errors[0] > 10 * errors[2]


@pytest.mark.parametrize("rounding", ["floor", "nearest", "stochastic", "truncate"])
def test_blocks_of_states_give_a_bound_that_holds(rounding, monkeypatch):
    """1,664 states in blocks of 52, 13 and 7: coarse, so that the bound has work to do."""
    neuron = replace(NEURON, rounding=rounding)
    for source in (NOISE, IntegerInput.poisson([3.0, 0.5], [20, -30], -2)):
        wanted, errors = markov.solve(neuron, source), []
        for most in (1 << 7, 1 << 9, 1 << 10):
            monkeypatch.setattr(iterated, "_MOST_STATES", most)
            found = mean_interval(neuron, source)
            assert abs(found.steps / wanted.mean_isi - 1) <= found.error + wanted.error
            errors.append(found.error)
        assert errors[0] > max(errors[1:])


def test_a_wrong_coarser_chain_makes_the_bound_wide_not_wrong(monkeypatch):
    wanted = markov.solve(NEURON, NOISE).mean_isi
    monkeypatch.setattr(iterated, "_MOST_STATES", 1 << 10)
    sound = mean_interval(NEURON, NOISE)
    coarser = iterated.Steps.coarser

    def shifted(self, size):
        found = coarser(self, size)
        return replace(found, low=found.low + 1)

    monkeypatch.setattr(iterated.Steps, "coarser", shifted)
    faulty = mean_interval(NEURON, NOISE)
    assert abs(faulty.steps / wanted - 1) > 2 * sound.error
    assert abs(faulty.steps / wanted - 1) <= faulty.error


def test_a_threshold_off_by_one_is_seen():
    found = mean_interval(NEURON, NOISE)
    other = mean_interval(replace(NEURON, threshold=641), NOISE)
    assert other.steps / found.steps - 1 > 100 * (found.error + other.error)


def test_what_it_cannot_do_is_refused(monkeypatch):
    monkeypatch.setattr(iterated, "_MOST_ITERATIONS", 30)
    with pytest.raises(ValueError, match="reset must be 'value', not 'subtract'"):
        mean_interval(replace(NEURON, v_reset=0, reset="subtract"), NOISE)
    with pytest.raises(ValueError, match="fires too rarely"):
        mean_interval(NEURON, IntegerInput.gaussian(0.0, 10.0, 16))
    with pytest.raises(ValueError, match="input_width"):
        mean_interval(replace(NEURON, input_width=6), NOISE)
