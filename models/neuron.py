"""The leaky integrate-and-fire neuron in physical units (Lapicque 1907; Brunel 2000, eq. 1).

tau_m dV/dt = -(V - v_rest) + R I(t);  V >= v_th: spike, V = v_reset, held for t_ref.
"""

from dataclasses import dataclass
from math import isfinite


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
        for name in ("tau_m", "v_th", "v_reset", "v_rest", "t_ref", "c_m"):
            value = getattr(self, name)
            if name == "c_m" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} must be a number in SI units, not {value!r}")
            if not isfinite(value):
                raise ValueError(f"{name} must be finite, not {value!r}")
        if self.tau_m <= 0:
            raise ValueError(f"tau_m must be > 0 s, not {self.tau_m!r}")
        if self.t_ref < 0:
            raise ValueError(f"t_ref must be >= 0 s, not {self.t_ref!r}")
        if self.c_m is not None and self.c_m <= 0:
            raise ValueError(f"c_m must be > 0 F, not {self.c_m!r}")
        if self.v_reset >= self.v_th:
            raise ValueError(f"v_reset must be < v_th = {self.v_th!r} V, not {self.v_reset!r}")
        if self.v_rest >= self.v_th:
            raise ValueError(f"v_rest must be < v_th = {self.v_th!r} V, not {self.v_rest!r}")

    @property
    def resistance(self) -> float:
        """Membrane resistance ``tau_m / c_m`` in ohm; ValueError without `c_m`."""
        if self.c_m is None:
            raise ValueError("c_m is needed to turn a current in A into a voltage")
        return self.tau_m / self.c_m
