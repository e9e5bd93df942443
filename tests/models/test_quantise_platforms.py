"""From physical units to Loihi, TrueNorth and SpiNNaker: registers, losses, spans, refusals."""

from dataclasses import replace
from math import exp, expm1, log, sqrt

import numpy as np
import pytest

from rheobase.models.integer.kind import run
from rheobase.models.integer.quantise import quantise
from rheobase.models.integer.quantise_loihi import as_lif, quantise_loihi
from rheobase.models.integer.quantise_spinnaker import LSB, quantise_spinnaker
from rheobase.models.integer.quantise_truenorth import mean_leak, quantise_truenorth
from rheobase.models.neuron import LIF

NEURON = LIF(tau_m=20e-3, v_th=-50e-3, v_reset=-70e-3, v_rest=-70e-3, t_ref=2e-3)
WITHOUT = replace(NEURON, t_ref=0.0)
MADE = {
    "generic": quantise(NEURON, 1e-3, 20e-6, 12),
    "lava": quantise_loihi(WITHOUT, 1e-3, 2e-6),
    "nengo": quantise_loihi(NEURON, 1e-3, 2e-6),
    "truenorth": quantise_truenorth(WITHOUT, 1e-3, 20e-6),
    "truenorth, stochastic": quantise_truenorth(WITHOUT, 1e-3, 1e-3, mask_bits=2),
    "spinnaker": quantise_spinnaker(NEURON, 1e-3),
    "spinnaker, nearest": quantise_spinnaker(replace(NEURON, c_m=3e-9), 1e-4, "nearest"),
}


def random_neurons(count):
    rng = np.random.default_rng(7)
    for _ in range(count):
        rest, depth = rng.uniform(-80e-3, 0), rng.uniform(5e-3, 30e-3)
        t_ref = float(rng.choice([0.0, rng.uniform(2e-3, 5e-3)]))
        yield (
            LIF(rng.uniform(5e-3, 50e-3), rest + depth, rest, rest, t_ref),
            float(rng.choice([1e-4, 1e-3])),
        )


def by_name(made):
    return {loss.name: loss for loss in made.lost}


def test_loihi_is_the_nearest_that_the_registers_hold():
    for neuron, dt in random_neurons(100):
        lsb = (neuron.v_th - neuron.v_rest) / 6e5
        made = quantise_loihi(neuron, dt, lsb)
        lost = by_name(made)
        assert abs(lost["v_th"].got - neuron.v_th) <= 32 * lsb * (1 + 1e-9)
        assert abs(exp(-dt / lost["tau_m"].got) - exp(-dt / neuron.tau_m)) <= 0.5 / 4096 + 1e-12
        assert abs(lost["t_ref"].got - neuron.t_ref) <= dt / 2 * (1 + 1e-9)
        assert made.neuron.flavour == ("nengo" if round(neuron.t_ref / dt) else "lava")
        assert lost["v_reset"].got == neuron.v_rest


def test_spinnaker_is_the_nearest_that_its_c_code_makes():
    for neuron, dt in random_neurons(100):
        made = quantise_spinnaker(neuron, dt)
        lost = by_name(made)
        assert abs(lost["v_th"].got - neuron.v_th) <= LSB * (1 + 1e-9)  # of rest, and of threshold
        step = round(dt * 1e3 * 2**15) / 2**15 / 1e3
        wanted = exp(-step / neuron.tau_m)
        assert abs(made.decay - wanted) * 2**15 < 1.1  # of the exponent, then of its power
        assert neuron.t_ref - 1e-6 <= lost["t_ref"].got <= neuron.t_ref + dt
        assert 65535 * made.kick >= neuron.v_th - neuron.v_rest
        assert made.shift == 0 or 65535 * made.kick < 2.001 * (neuron.v_th - neuron.v_rest)


def test_truenorth_leaks_what_the_neuron_leaks_on_average():
    for neuron, dt in random_neurons(100):
        for count in (10_000, 300, 20):
            lsb = (neuron.v_th - neuron.v_rest) / count
            made = quantise_truenorth(neuron, dt, lsb, mask_bits=2)
            lost = by_name(made)
            assert abs(lost["v_th"].got - neuron.v_th) <= lsb / 2 * (1 + 1e-9)
            assert lost["t_ref"].got == 0
            leak = mean_leak(neuron, dt) / lsb
            assert made.neuron.leak_stochastic == (leak < 1)
            half = 0.5 / 256 if leak < 1 else 0.5
            assert abs(made.leak - leak) <= half * (1 + 1e-9) or made.leak == 2 / 256
    # 1 / (interval of the leaky neuron) less what a constant leak gives, far above threshold
    mu, th, tau = 200e-3, 20e-3, 20e-3
    assert mean_leak(WITHOUT, 1e-6) / 1e-6 == pytest.approx(th / 2 / tau, rel=1e-4)
    constant = mu / (tau * th) - mean_leak(WITHOUT, 1e-6) / 1e-6 / th
    assert constant == pytest.approx(1 / (tau * log(mu / (mu - th))), rel=1e-3)


@pytest.mark.parametrize("name", MADE)
def test_a_held_drive_is_what_the_registers_and_the_input_say(name):
    made = MADE[name]
    for mu in (-9.3e-3, 3.1e-3, 21e-3, 120e-3):
        held, rest = made.hold(mu)
        source, _ = held.input_constant(rest)
        assert rest in (0.0, mu)
        unit = 1 / made.gain if rest else max(1 / made.gain * 2 ** held_exp(held), 0.0)
        got = held.held + source.mean * made.kick / (made.lsb * made.gain)
        assert abs(got - mu) <= unit / 2 * (1 + 1e-9)


def held_exp(made):
    return getattr(made.neuron, "bias_exp", 0)


@pytest.mark.parametrize("name", MADE)
def test_kicks_at_rest_span_what_was_said(name):
    """The smallest and the largest response of the integer model to one inhibitory input."""
    made = MADE[name]
    bound = (1 << (made.input_width - 1)) - 1
    sizes = np.unique([*range(1, 80), *(1 << np.arange(made.input_width - 1)), bound, bound + 1])
    if "spinnaker" in name:
        sizes = np.append(sizes, 65535)
    values = np.tile(-sizes, (1, 20))
    given = dict(made.inputs(values))
    if "x" in made.neuron.inputs:
        given["x"] = np.random.default_rng(0).integers(0, 2**32, values.shape)
    start = {s: np.full(values.shape[1], made.neuron.registers[r])
             for s, r in made.neuron.start.items()}  # fmt: skip
    v = run(made.neuron, given, start).state["v"]
    moved = np.abs(v - start.get("v", 0))
    responses = moved[moved > 0] * made.lsb
    assert responses.min() == pytest.approx(made.kicks.smallest, rel=1e-12)
    assert responses.max() == pytest.approx(made.kicks.largest, rel=1e-12)


def test_a_loihi_neuron_is_an_integer_lif_that_truncates():
    rng = np.random.default_rng(3)
    spikes, below = 0, 0
    for neuron, dt in random_neurons(20):
        lsb = (neuron.v_th - neuron.v_rest) / float(rng.choice([1e3, 1e5, 4e5]))
        made, _ = quantise_loihi(neuron, dt, lsb).hold(1.2 * (neuron.v_th - neuron.v_rest))
        reach = min(0.3 * (neuron.v_th - neuron.v_rest) / made.kick, 2**15)
        values = np.rint(rng.normal(0, reach, (400, 30))).astype(np.int64)
        chip = run(made.neuron, made.inputs(values), record=True)
        bias = made.neuron.registers["bias"]
        lif = as_lif(made.neuron).run(values * made.unit + bias, record=True)
        assert all(map(np.array_equal, chip.spikes, lif.spikes))
        assert np.array_equal(chip.recorded["v"], lif.voltages)
        spikes += chip.spikes[0].size
        below += np.count_nonzero(chip.recorded["v"] < 0)
    assert spikes > 2000 and below > 2000


@pytest.mark.parametrize(
    "c_m, dt, rounding", [(None, 1e-3, "floor"), (7e-9, 1e-3, "floor"), (7e-9, 1e-4, "nearest")]
)
def test_spinnakers_rounding_is_a_drive(c_m, dt, rounding):
    """The mean of the free membrane, against the same inputs through the same filter of reals."""
    high = LIF(tau_m=20e-3, v_th=30.0, v_reset=0.0, c_m=c_m)
    made = quantise_spinnaker(high, dt, rounding)
    rng = np.random.default_rng(1)
    n, steps = 1000, 400
    pulses = rng.integers(-(2**24), 2**24, (steps, n))  # so that v varies by many LSB in a step
    x = {"x_e": np.maximum(pulses, 0), "x_i": np.maximum(-pulses, 0)}
    got = run(made.neuron, x).state["v"]
    current = pulses - np.sign(pulses)  # a pulse of x adds x - 1
    exact = np.zeros(n)
    for row in current * (made.neuron.resistance / 2**15):
        exact = row + made.decay * (exact - row)
    error = (got - exact) * LSB
    expected = made.bias * (1 - made.decay**steps)
    z = (error.mean() - expected) / (error.std() / sqrt(n))
    assert abs(z) < 4
    if rounding == "floor":
        assert abs(made.bias) > 40 * error.std() / sqrt(n)  # a law without it would be seen


def test_a_flavour_of_loihi_can_be_asked_for():
    for flavour in ("lava", "nengo"):
        made = quantise_loihi(WITHOUT, 1e-3, 2e-6, flavour)
        assert made.neuron.flavour == flavour and made.neuron.refractory == 1
    with pytest.raises(ValueError, match=r"t_ref = 0.002 s takes flavour 'nengo', not 'lava'"):
        quantise_loihi(NEURON, 1e-3, 2e-6, "lava")


def test_what_platforms_refuse():
    for make, message in [
        (lambda: quantise_loihi(NEURON, 1e-3, 1e-3), r"threshold 0 \* 64 LSB"),
        (lambda: quantise_loihi(NEURON, 1e-3, 1e-9), "beyond 1 .. 131071"),
        (lambda: quantise_loihi(NEURON, 1e-6, 2e-6), "decay_v 0, in 1 .. 4095"),
        (lambda: quantise_loihi(replace(NEURON, t_ref=1.0), 1e-3, 2e-6), "refractory 1001"),
        (lambda: quantise_loihi(NEURON, 0.0, 2e-6), "dt must be finite and > 0, not 0"),
        (lambda: MADE["nengo"].hold(100.0), "mu = 100.0 V is a bias of"),
        (lambda: quantise_truenorth(NEURON, 1e-3, 1.0), "the threshold must be above the reset"),
        (lambda: quantise_truenorth(NEURON, 1e-3, 1e-8), "at most 262143"),
        (lambda: quantise_truenorth(NEURON, 1e-3, 2e-3, mask_bits=6), "with 6 mask_bits"),
        (
            lambda: quantise_truenorth(replace(NEURON, v_reset=-0.2), 1e-3, 1e-5),
            "v_reset = -0.2 V is so far below rest",
        ),
        (lambda: MADE["truenorth"].input_constant(1e3), "beyond -65536 .. 65535 of input_width 17"),
        (lambda: quantise_spinnaker(replace(NEURON, v_th=70.0), 1e-3), "v_thresh must be in"),
        (lambda: quantise_spinnaker(NEURON, 1e-8), "ts must be in 1"),
        (lambda: MADE["spinnaker"].hold(70.0), "beyond 32 bits"),
    ]:
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize("name", MADE)
def test_noise_has_the_moments_that_were_asked_for(name):
    made, rest = MADE[name].hold(15e-3)
    source, lost = made.input_white_noise(rest, 5e-3)
    got = {loss.name: loss for loss in lost}
    assert got["mu"].got + made.held == pytest.approx(
        15e-3, abs=made.kick + 2 ** held_exp(made) / made.gain
    )
    a = exp(-made.dt / 20e-3)
    sd = 5e-3 * sqrt((1 - a * a) / 2)
    assert source.variance * made.kick**2 == pytest.approx(sd**2 + made.kick**2 / 12, rel=1e-6)
    assert got["sigma"].got == pytest.approx(5e-3, rel=(made.kick / sd) ** 2)
    assert -expm1(-made.dt / 20e-3) == pytest.approx(1 - a)
