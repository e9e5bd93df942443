"""From a network in physical units to a network of integers: the same spikes, losses, refusals."""

from dataclasses import replace
from functools import partial
from math import expm1, inf, log

import numpy as np
import pytest

from rheobase.models.integer import quantise_network as module
from rheobase.models.integer.quantise import quantise
from rheobase.models.integer.quantise_loihi import quantise_loihi
from rheobase.models.integer.quantise_network import quantise_network
from rheobase.models.integer.quantise_spinnaker import quantise_spinnaker
from rheobase.models.integer.quantise_truenorth import quantise_truenorth
from rheobase.models.integer.quantised import Quantised
from rheobase.models.neuron import EIF, LIF
from rheobase.models.reference.network import (
    Bernoulli,
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

DT = 1e-3
STEPS = 300
TAU = -DT / log(62340 / 2**16)  # its decay is an integer over 2**16
NEURON = LIF(TAU, 20e-3, 0.0, t_ref=2e-3)
FINE = partial(quantise, lsb=1.5e-11, width=32, input_width=32)
COARSE = {
    "generic": partial(quantise, lsb=50e-6, width=11),
    "loihi": partial(quantise_loihi, lsb=0.4e-6),
    "truenorth": partial(quantise_truenorth, lsb=100e-6),
    "spinnaker": quantise_spinnaker,
}


def recurrent(late=0.0):
    """Excitation and inhibition with drawn weights and delays, trains and drives; `late` in s."""
    e, i = Population(NEURON, 160), Population(LIF(TAU, 18e-3, 2e-3), 40, v0=0.0)
    rng = np.random.default_rng(5)
    n = 30_000
    spikes = np.unique(np.stack((rng.integers(1, STEPS, n), rng.integers(0, 50, n))), axis=1)
    trains = SpikeTrains(50, spikes[0] * DT, spikes[1])

    def weights(random, count):
        return random.normal(0.4e-3, 0.05e-3, count)

    def delays(random, count):
        return DT * random.integers(1, 15, count)

    pairs = rng.integers(0, 160, (2, 800))
    projections = [
        Projection(trains, e, FixedInDegree(5), 0.6e-3, 3e-3),
        Projection(trains, i, Bernoulli(0.08), 0.6e-3, DT),
        Projection(e, e, Pairs(*pairs), rng.uniform(0.1e-3, 0.4e-3, 800), 2e-3 + late),
        Projection(e, i, FixedInDegree(20), weights, delays),
        Projection(i, e, FixedInDegree(10), -1.5e-3, 1e-3),
        Projection(i, i, FixedInDegree(10), -1.5e-3, 2e-3),
    ]
    return [e, i], projections, [Drive(e, 14e-3), Drive(e, 3e-3), Drive(i, 5e-3)]


def wanted(*network):
    done = simulate(*network, STEPS * DT, DT, seed=3)
    return np.rint(done.times / DT).astype(int) - 1, done.ids


def got(*network):
    made = quantise_network(*network, DT, FINE, seed=3)
    return made.network.run(*made.events(STEPS, seed=1), STEPS).spikes


def test_fine_integers_give_the_spikes_of_the_floating_point_network():
    ticks, ids = wanted(*recurrent())
    assert len(ticks) > 2000 and np.count_nonzero(ids >= 160) > 500
    assert all(map(np.array_equal, got(*recurrent()), (ticks, ids)))


def one_tick_more(ticks):
    return lambda *arguments: ticks(*arguments) + 1


def one_percent_more(weights):
    return lambda *arguments: weights(*arguments) * 101 // 100


def one_axon_on(draw):
    def drawn(*arguments):
        source, *others = draw(*arguments)
        return np.roll(source, 1), *others

    return drawn


@pytest.mark.parametrize(
    "owner, name, fault",
    [
        (module, "_ticks", one_tick_more),
        (Quantised, "weights", one_percent_more),
        (module, "_draw", one_axon_on),
    ],
)
def test_a_fault_shows_in_the_spikes(monkeypatch, owner, name, fault):
    monkeypatch.setattr(owner, name, fault(getattr(owner, name)))
    assert not all(map(np.array_equal, got(*recurrent()), wanted(*recurrent())))


def test_a_delay_of_one_tick_more_shows_in_the_spikes():
    assert not all(map(np.array_equal, got(*recurrent(late=DT)), wanted(*recurrent())))


WITHOUT = LIF(TAU, 20e-3, 0.0)


def pair(weight, delay=DT, n=4, drive=0.0, neuron=WITHOUT):
    """Neuron 0 of a population onto the others."""
    cells = Population(neuron, n)
    onto = Pairs(np.zeros(n - 1, int), np.arange(1, n))
    return [cells], [Projection(cells, cells, onto, weight, delay)], [Drive(cells, drive)]


@pytest.mark.parametrize("platform", COARSE)
def test_the_report_says_what_a_spike_does(platform):
    """The jump of the membrane, when it comes, and their distance from what was wanted."""
    for weight in (1.01e-3, -2.34e-3):
        made = quantise_network(*pair(weight, 4.3e-3), DT, COARSE[platform])
        (report,) = made.projections
        (cells,) = made.populations
        assert report.synapses == 3
        assert report.delays == (4, 4)
        assert report.delay_error == pytest.approx(0.3e-3)
        low, high = report.weights
        assert low == high == round(weight / report.unit)
        assert report.weight_error == pytest.approx(abs(high * report.unit / weight - 1))
        done = made.network.run([2, 2, 3], [0, 1, 0], 8, record=True)  # spikes of ticks 1, 1 and 2
        v = cells.quantised.from_rest(done.recorded["v"]) * cells.quantised.lsb
        assert np.count_nonzero(v[:5]) == 0 and np.count_nonzero(v[5, 1:]) == 3
        leak = getattr(cells.quantised, "leak", 0) * cells.quantised.lsb
        expected = report.weights[0] * report.unit - leak * np.sign(weight)
        # SpiNNaker rounds two products, and a current that counts 1 - a
        rounding = 1.2 * cells.quantised.lsb if platform == "spinnaker" else 1e-12
        assert v[5, 1:] == pytest.approx(expected, abs=rounding)


def test_loihi_takes_the_smallest_exponent_that_holds_a_projection():
    lava = partial(quantise_loihi, lsb=1e-6)  # a unit is 64 uV
    nengo = partial(quantise_loihi, lsb=1e-6, flavour="nengo")
    for quantiser, unit in ((lava, 64e-6), (nengo, 1e-6)):
        made = quantiser(WITHOUT, DT)
        for largest, exp_of in ((255, 0), (256, 1), (511, 1), (512, 2), (2000, 3)):
            for sign in (1, -1):
                jumps = sign * unit * np.array([largest, 100.4])
                found = made.weights(jumps)
                step = 2**exp_of
                assert found.tolist() == [sign * step * round(x / step) for x in (largest, 100.4)]
        mixed = made.weights(unit * np.array([101.0, -254.0, 7.2]))
        assert set(mixed % 2) == {0} and np.abs(mixed - [101.0, -254.0, 7.2]).max() <= 1
    assert lava(WITHOUT, DT).weights(np.array([255 * 128 * 64e-6]))[0] == 255 << 7
    with pytest.raises(ValueError, match="beyond 32640"):
        lava(WITHOUT, DT).weights(np.array([255.6 * 128 * 64e-6]))
    with pytest.raises(ValueError, match="beyond 16320"):
        nengo(WITHOUT, DT).weights(np.array([255.6 * 64 * 1e-6]))


def test_spinnakers_neurons_share_the_largest_shift():
    """A threshold ten times as high, and so a shift of three bits more, for both populations."""
    low, high = (Population(replace(WITHOUT, v_th=v_th), 2) for v_th in (20e-3, 200e-3))
    projections = [Projection(low, low, Pairs([0], [1]), 0.5e-3, DT)]
    alone = quantise_network([low], projections, [], DT, quantise_spinnaker)
    both = quantise_network([low, high], projections, [], DT, quantise_spinnaker)
    before, after = alone.populations[0].quantised.shift, both.populations[0].quantised.shift
    assert after in (before + 3, before + 4) and both.network.shift == (after, after)
    assert both.projections[0].unit == alone.projections[0].unit * 2 ** (after - before)


@pytest.mark.parametrize("platform", COARSE)
def test_sums_are_cut_only_below_a_headroom_of_one(platform):
    """All synapses at once, in a network just below and one just above what an input holds."""
    made = COARSE[platform](WITHOUT, DT)
    weight = 100 * made.kick
    fits = made.largest_input // 100
    for inputs, wanted in ((fits, False), (fits + 1, True)):
        if platform == "truenorth" and inputs > 256:
            continue
        cells = Population(WITHOUT, 1)
        trains = SpikeTrains(inputs, np.full(inputs, DT), np.arange(inputs))
        onto = Pairs(np.arange(inputs), np.zeros(inputs, int))
        network = quantise_network(
            [cells], [Projection(trains, cells, onto, -weight, DT)], [], DT, COARSE[platform]
        )
        (report,) = network.populations
        assert (report.headroom < 1) == wanted
        assert report.headroom == pytest.approx(made.largest_input / (100 * inputs))
        if platform != "loihi":  # whose sum wraps later, at 18 bits and a sign
            assert bool(network.network.run(*network.events(4, 0), 4).saturated) == wanted
    alone = quantise_network([Population(WITHOUT, 1)], [], [], DT, COARSE[platform])
    assert alone.populations[0].headroom == inf


@pytest.mark.parametrize("platform", COARSE)
def test_a_held_drive_acts_in_every_tick(platform):
    made = quantise_network(*pair(0.5e-3, drive=16e-3), DT, COARSE[platform])
    (cells,) = made.populations
    assert (made.clock is None) == (platform in ("loihi", "spinnaker"))
    assert cells.drive.wanted == 16e-3
    assert cells.drive.got == pytest.approx(16e-3, abs=0.501 * cells.quantised.drive_unit)
    done = made.network.run(*made.events(400, 0), 400, record=True)
    v = cells.quantised.from_rest(done.recorded["v"])[:, -1] * cells.quantised.lsb
    if platform == "truenorth":  # a ramp: no leak that grows with v
        assert v[9] == pytest.approx(10 * (cells.clock - cells.quantised.leak) * 100e-6)
    else:
        made = cells.quantised
        forgotten = -expm1(-DT / made.realised.tau_m)
        steady = cells.drive.got * made.gain * made.lsb / forgotten
        assert v[-1] == pytest.approx(steady, abs=made.lsb * (1 / forgotten + 1))


def test_poisson_inputs_have_their_rate_and_are_independent():
    a, b = Population(WITHOUT, 40), Population(WITHOUT, 10)
    twice = Poisson(a, 700.0, 0.3e-3)
    inputs = [twice, twice, Poisson(b, 2500.0, -0.4e-3)]
    made = quantise_network([a, b], [], inputs, DT, COARSE["generic"])
    steps = 4000
    ticks, axons = made.events(steps, seed=1)
    assert made.network.axons == 50 + 40 + 40 + 10
    counts = np.zeros((steps, made.network.axons))
    np.add.at(counts, (ticks, axons), 1)
    assert counts[:, :50].sum() == 0
    expected = np.repeat([0.7, 0.7, 2.5], [40, 40, 10])
    z = (counts[:, 50:].mean(0) - expected) / np.sqrt(expected / steps)
    assert np.abs(z).max() < 4.7  # 90 numbers, 99.98 %
    z = (counts[:, 50:].var(0) / expected - 1) / np.sqrt((2 + 1 / expected) / steps)
    assert np.abs(z).max() < 4.7
    both = np.corrcoef(counts[:, 50:].T)
    assert np.abs(both[np.triu_indices(90, 1)]).max() * np.sqrt(steps) < 5.6  # 4005 numbers
    assert not np.array_equal(ticks, made.events(steps, seed=2)[0])
    synapses = made.network.synapses
    assert np.bincount(synapses.target).tolist() == [2] * 40 + [1] * 10
    done = made.network.run(ticks, axons, steps)
    assert done.operations == ticks.size


def test_events_are_those_of_their_blocks(monkeypatch):
    """However long a block is; given trains and the clock's events, too."""
    post = Population(WITHOUT, 30)
    trains = SpikeTrains(2, np.array([2, 5, 9]) * DT, np.array([1, 0, 1]))
    projection = Projection(trains, post, Pairs([0, 1], [3, 4]), 1e-3, DT)
    inputs = [Poisson(post, 700.0, 0.3e-3), Poisson(post, 200.0, 0.4e-3), Drive(post, 3e-3)]
    made = quantise_network([post], [projection], inputs, DT, COARSE["generic"])
    whole = list(made.blocks(12, 3))
    assert len(whole) == 1
    for drawn, ends in ((60, list(range(1, 13))), (5 * 60, [5, 10, 12])):
        monkeypatch.setattr(module, "_DRAWN", drawn)
        blocks = list(made.blocks(12, 3))
        assert [end for _, _, end in blocks] == ends
        found, wanted = (
            np.sort(
                np.concatenate([axons + made.network.axons * ticks for ticks, axons, _ in each])
            )
            for each in (blocks, whole)
        )
        assert np.array_equal(found, wanted)
        assert all((ticks < end).all() for ticks, _, end in blocks)


def test_truenorth_takes_four_weights_and_256_synapses_of_a_neuron():
    cells = Population(WITHOUT, 3)
    trains = SpikeTrains(300, [], [])

    def network(n, weights):
        pairs = Pairs(np.arange(n), np.full(n, 1))
        given = 100e-6 * np.resize(weights, n)
        return [cells], [Projection(trains, cells, pairs, given, DT)], [], DT

    quantiser = COARSE["truenorth"]
    quantise_network(*network(256, [1, 2, 3, -255]), quantiser)
    with pytest.raises(
        ValueError, match="neuron 1 has 5 different weights: TrueNorth has 4 axon types"
    ):
        quantise_network(*network(256, [1, 2, 3, -255, 4]), quantiser)
    with pytest.raises(ValueError, match="neuron 1 has 257 synapses: TrueNorth has 256 axons"):
        quantise_network(*network(257, [1]), quantiser)
    with pytest.raises(ValueError, match=r"weight.* beyond 255"):
        quantise_network(*network(1, [256]), quantiser)


E = Population(WITHOUT, 4)
ALL = Bernoulli(1.0)


@pytest.mark.parametrize(
    "network, error, text",
    [
        (pair(20e-6), ValueError, "projection 0: weight = 2e-05 V rounds to 0 times 5e-05 V"),
        (pair(2.0), ValueError, "projection 0: weight = 2.0 V is 4e.04 .* beyond 32767"),
        (pair(1e-3, 16e-3), ValueError, "projection 0: delay = 0.016 s is 16 ticks.* 15 of 16"),
        (([E], [], [Poisson(E, 5.0, 1e-5)]), ValueError, "Poisson input 0: weight = 1e-05 V"),
        (([E], [], [Drive(E, [1e-3] * 4)]), ValueError, "mu of a Drive must be one number"),
        (([E], [], [Drive(E, 40.0)]), ValueError, "mu = 40.0 V is .* LSB per step, beyond"),
        (([Population(WITHOUT, 2, v0=1e-3)], [], []), ValueError, "v0 must be v_rest = 0.0 V"),
        (
            ([Population(EIF(20e-3, 15e-3, 1e-3, 0.0, 30e-3), 2)], [], []),
            TypeError,
            "populations must be of LIF neurons, not EIF",
        ),
        (
            ([E], [Projection(E, E, ALL, 1e-3, DT, Exponential(5e-3))], []),
            TypeError,
            "projection 0: synapse must be Delta, not Exponential",
        ),
        (([], [], []), ValueError, "populations must be one or more"),
    ],
)
def test_what_does_not_become_integers_is_refused(network, error, text):
    with pytest.raises(error, match=text):
        quantise_network(*network, DT, COARSE["generic"])


def test_populations_of_two_flavours_are_refused():
    """One circuit has one arithmetic."""
    two = [E, Population(NEURON, 4)]
    quantiser = COARSE["loihi"]
    with pytest.raises(ValueError, match="must share their modes"):
        quantise_network(two, [], [], DT, quantiser)
    quantise_network(two, [], [], DT, partial(quantiser, flavour="nengo"))
