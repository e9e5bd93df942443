"""The noise of the neuron's own transistors, as a current source on its membrane.

A transistor in weak inversion and saturation has white current noise of one-sided density ``2 q
I``: shot noise, and thermal noise is the same thing (Sarpeshkar, Delbruck and Mead, IEEE Circuits
and Devices 9 (1993) 23). In the five-transistor OTA with tail current I, of which ``I_1`` flows
through the mirror, the pair and the tail together put ``2 q I`` on the output whatever the balance,
and the mirror's two transistors ``4 q I_1``; with ``i_leak = 2 I_1 - I``:

    S = 4 q I + 2 q i_leak,     at rest 4 q I: N = 4 branches of I/2

The reference branch of the bias makes common-mode noise only. Through the leak ``g_m = I/(2 n
U_T)`` on C the free membrane has the variance

    S/(4 g_m C) = 2 n q U_T/C = (n N/2) kT/C,     2 n times that of a resistor

A transient analysis has no noise of its own, so `held` adds it as a current that is constant during
each of its samples. `ngspice_variance` is what the device models themselves say in a small-signal
analysis: BSIM3 and BSIM4 write ``8/3 kT (g_m + g_mb + g_ds)`` per transistor, and as ``g_m + g_mb``
is ``I/U_T`` in weak inversion, that is up to 4/3 of shot noise. Left out: flicker noise, and the
noise of comparator, refractory pulse and reset, which moves spike times, not the membrane.
"""

import numpy as np

from . import benches
from .energy import metered
from .lif import AnalogLIF

ELEMENTARY_CHARGE = 1.602176634e-19  # C, exact SI


def density(lif: AnalogLIF) -> float:
    """One-sided density in A^2/Hz of the current noise on the membrane at rest, ``4 q I``.

    I is the OTA's supply current without that of its bias, from an operating point.
    """
    rest = lif.voltage(lif.neuron.v_rest)
    bench = f"Vm m 0 {rest!r}\n.op\n.save i(Vdd_leak)"
    drawn = benches.simulate(lif, metered(lif), bench, ["vdd_leak#branch"], benches.STATIC)
    return 4 * ELEMENTARY_CHARGE * (float(drawn["vdd_leak#branch"][0]) - lif.i_leak)


def variance(lif: AnalogLIF) -> float:
    """Variance in V^2 of the free membrane around rest, from `density`; ``C = g_m tau_m``."""
    return density(lif) / (4 * lif.g_m**2 * lif.tau_m)


def held(lif: AnalogLIF, samples: int, dt: float, seed: int) -> np.ndarray:
    """Noise current in A, shape (samples,), held for `dt` (chip seconds) each: add it to a drive.

    White up to about ``1/(2 dt)``; a membrane of time constant tau gets ``tanh(x)/x`` of the
    variance that truly white noise gives, ``x = dt/(2 tau)``.

    Raises
    ------
    ValueError
        `samples` or `dt` is not > 0.
    """
    if samples < 1:
        raise ValueError(f"samples must be >= 1, not {samples!r}")
    if not 0 < dt < np.inf:
        raise ValueError(f"dt must be finite and > 0 s, not {dt!r}")
    return np.sqrt(density(lif) / (2 * dt)) * np.random.default_rng(seed).standard_normal(samples)


def ngspice_variance(lif: AnalogLIF) -> float:
    """Variance in V^2 of the free membrane by ngspice's .noise, over eight decades."""
    corner = 1 / (2 * np.pi * lif.tau_m)
    bench = f"Iin 0 m dc 0 ac 1\n.noise v(m) Iin dec 20 {corner / 1e4!r} {corner * 1e4!r}"
    circuit = benches.without(lif, "Xcomparator", "Xrefractory", "Xreset")
    total = benches.simulate(lif, circuit, bench, ["onoise_total"], benches.STATIC)
    return float(np.abs(total["onoise_total"][0])) ** 2
