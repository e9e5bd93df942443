"""Point neurons in physical units: frozen parameters, checked at the constructor.

    LIF   tau_m dV/dt = -(V - v_rest) + mu
    EIF   tau_m dV/dt = -(V - v_rest) + delta_t exp((V - v_th) / delta_t) + mu
    QIF   tau_m dV/dt = (V - v_0)**2 / v_scale + mu
    ConductanceLIF: a LIF whose synapses draw it to their reversal potentials

``mu = R I`` is the drive in V. At the threshold (EIF, QIF: at v_peak) the neuron spikes; V is set
to v_reset and held there for t_ref. Lapicque 1907 and Brunel 2000, eq. 1; Fourcaud-Trocme et al.
2003, eqs 2 and 5; Ermentrout & Kopell 1986 and Montbrio, Pazo & Roxin 2015, eq. 1; Tuckwell 1988.
"""

from dataclasses import dataclass, fields
from math import inf, isfinite

_POSITIVE = {"tau_m": "s", "c_m": "F", "delta_t": "V", "v_scale": "V"}


def _check(neuron: "LIF | EIF | QIF | ConductanceLIF", infinite: tuple[str, ...] = ()) -> None:
    """All fields are numbers, finite but for those named, of the sign that their name asks for."""
    for name in (f.name for f in fields(neuron)):
        value = getattr(neuron, name)
        if name == "c_m" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} must be a number in SI units, not {value!r}")
        if not isfinite(value) and (name not in infinite or value != value):
            raise ValueError(f"{name} must be finite, not {value!r}")
        if name in _POSITIVE and value <= 0:
            raise ValueError(f"{name} must be > 0 {_POSITIVE[name]}, not {value!r}")
        if name == "t_ref" and value < 0:
            raise ValueError(f"t_ref must be >= 0 s, not {value!r}")


def _below(neuron: "LIF | EIF | QIF | ConductanceLIF", low: str, high: str) -> None:
    below, above = getattr(neuron, low), getattr(neuron, high)
    if below >= above:
        raise ValueError(f"{low} must be < {high} = {above!r} V, not {below!r}")


@dataclass(frozen=True)
class LIF:
    """A leaky integrate-and-fire neuron.

    Parameters
    ----------
    tau_m : float
        Membrane time constant in s, > 0.
    v_th, v_reset : float
        Threshold and reset in V, ``v_reset < v_th``.
    v_rest : float
        Resting potential in V; below the threshold.
    t_ref : float
        Absolute refractory time in s, >= 0.
    c_m : float, optional
        Membrane capacitance in F, > 0; needed only where a current in A is meant.
    """

    tau_m: float
    v_th: float
    v_reset: float
    v_rest: float = 0.0
    t_ref: float = 0.0
    c_m: float | None = None

    def __post_init__(self) -> None:
        _check(self)
        _below(self, "v_reset", "v_th")
        _below(self, "v_rest", "v_th")

    @property
    def resistance(self) -> float:
        """Membrane resistance ``tau_m / c_m`` in ohm; ValueError without `c_m`."""
        if self.c_m is None:
            raise ValueError("c_m is needed to turn a current in A into a voltage")
        return self.tau_m / self.c_m


@dataclass(frozen=True)
class EIF:
    """An exponential integrate-and-fire neuron (Fourcaud-Trocme et al. 2003).

    Parameters
    ----------
    tau_m : float
        Membrane time constant in s, > 0.
    v_th : float
        Soft threshold V_T in V, above v_rest: where the drift is least, and so where a slow drive
        makes the neuron fire (from ``mu = v_th - v_rest - delta_t`` on).
    delta_t : float
        Slope factor Delta_T of the spike's onset in V, > 0. Not a time.
    v_reset, v_peak : float
        Reset, and the voltage at which the spike counts, in V; ``v_reset < v_peak > v_th``.
    v_rest, t_ref : float
        Resting potential in V; refractory time in s, >= 0.
    """

    tau_m: float
    v_th: float
    delta_t: float
    v_reset: float
    v_peak: float
    v_rest: float = 0.0
    t_ref: float = 0.0

    def __post_init__(self) -> None:
        _check(self)
        _below(self, "v_rest", "v_th")
        _below(self, "v_th", "v_peak")
        _below(self, "v_reset", "v_peak")


@dataclass(frozen=True)
class QIF:
    """A quadratic integrate-and-fire neuron; by default from -infinity to +infinity.

    With ``x = (V - v_0) / v_scale`` and ``eta = mu / v_scale``: ``tau_m dx/dt = x**2 + eta``.

    Parameters
    ----------
    tau_m : float
        Time constant in s, > 0.
    v_scale : float
        Scale of the parabola in V, > 0.
    v_0 : float
        Voltage of its vertex in V.
    v_peak, v_reset : float
        In V, ``v_reset < v_peak``; may be infinite.
    t_ref : float
        Refractory time in s, >= 0.
    """

    tau_m: float
    v_scale: float
    v_0: float = 0.0
    v_peak: float = inf
    v_reset: float = -inf
    t_ref: float = 0.0

    def __post_init__(self) -> None:
        _check(self, infinite=("v_peak", "v_reset"))
        _below(self, "v_reset", "v_peak")


@dataclass(frozen=True)
class ConductanceLIF:
    """A LIF neuron with excitatory and inhibitory conductances.

    ``tau_m dV/dt = -(V - v_rest) + g_e (e_e - V) + g_i (e_i - V) + mu``, with the conductances g in
    units of the leak's.

    Parameters
    ----------
    tau_m, v_th, v_reset, v_rest, t_ref : float
        As in `LIF`.
    e_e, e_i : float
        Reversal potentials in V, ``e_i < v_th < e_e``.
    """

    tau_m: float
    v_th: float
    v_reset: float
    e_e: float
    e_i: float
    v_rest: float = 0.0
    t_ref: float = 0.0

    def __post_init__(self) -> None:
        _check(self)
        _below(self, "v_reset", "v_th")
        _below(self, "v_rest", "v_th")
        _below(self, "v_th", "e_e")
        _below(self, "e_i", "v_th")
