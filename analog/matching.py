"""Matching of equal transistors: Pelgrom's coefficients, from simulated mismatch.

Between two equal neighbours threshold and current factor K differ with standard deviations

    sd(dV_T) = A_VT/sqrt(W L),        sd(dK/K) = A_K/sqrt(W L)

(Pelgrom, Duinmaijer & Welbers, IEEE JSSC 24 (1989) 1433). A pair is measured at two gate voltages,
in weak and in strong inversion, where ``d(ln I) = -(g_m/I) dV_T + dK/K`` with the nominal g_m/I:
two equations for the two differences. Mobility falls a little with V_T, so that a threshold alone
that differs also shows as an A_K of some 0.2 % um. A coefficient is the root mean square, over all
pairs, of difference times sqrt(W L), W and L as drawn; its standard error is ``1/sqrt(2 pairs)`` of
it.
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from . import ngspice
from .cells.cell import Size
from .subthreshold import transfer, transistor
from .technology import Technology

SIDES = (2e-6, 4e-6, 8e-6)
"""Sides in m of the square gates that are measured."""

_WEAK = 0.1e-9  # A in a square gate


@dataclass(frozen=True)
class Matching:
    """What pairs of a technology's transistors differ by.

    Parameters
    ----------
    a_vt, a_vt_error : float
        Coefficient of the threshold and its standard error, in V m.
    a_k, a_k_error : float
        Of the current factor, in m.
    deviations : tuple of float
        Standard deviation of the threshold's difference at each of `SIDES`, in V.
    pairs : int
        Of each size.
    """

    a_vt: float
    a_vt_error: float
    a_k: float
    a_k_error: float
    deviations: tuple[float, ...]
    pairs: int


def matching(technology: Technology, kind: str, pairs: int = 200, seed: int = 1) -> Matching:
    """Pelgrom's coefficients of the nMOS (`kind` ``n``) or pMOS (``p``).

    Parameters
    ----------
    technology : Technology
        Its own seed is not used.
    kind : str
    pairs : int
        Of each size, at least 2.
    seed : int
        Of the first size; each further size has the next one, and those of pMOS follow.
    """
    if pairs < 2:
        raise ValueError(f"pairs must be >= 2, not {pairs!r}")
    first = seed + (len(SIDES) if kind == "p" else 0)
    differences = np.array(
        [
            _differences(replace(technology, seed=first + k), kind, Size(side, side), pairs) * side
            for k, side in enumerate(SIDES)
        ]
    )  # shape (sizes, 2, pairs), in V m and m
    a_vt, a_k = np.sqrt(np.mean(differences**2, axis=(0, 2)))
    share = 1 / sqrt(2 * pairs * len(SIDES))
    sides = np.array(SIDES)
    deviations = np.sqrt(np.mean(differences[:, 0] ** 2, axis=1)) / sides
    return Matching(
        a_vt=float(a_vt),
        a_vt_error=float(a_vt) * share,
        a_k=float(a_k),
        a_k_error=float(a_k) * share,
        deviations=tuple(float(each) for each in deviations),
        pairs=pairs,
    )


def _differences(technology: Technology, kind: str, size: Size, pairs: int) -> np.ndarray:
    """Differences of threshold (V) and of ln K of pairs, shape (2, pairs)."""
    found = transistor(technology, kind, size=size)
    weak = found.gate_voltage(_WEAK * size.w / size.l, size)
    strong = found.v_th + technology.supply / 3
    v, i = transfer(replace(technology, seed=None), kind, size=size)
    slopes = np.interp([weak, strong], v, np.gradient(np.log(i), v))
    currents = _currents(technology, kind, size, 2 * pairs, weak, strong)
    changes = np.log(currents[:, 0::2] / currents[:, 1::2])  # (gate voltages, pairs)
    return np.linalg.solve(np.stack([-slopes, np.ones(2)], axis=1), changes)


def _currents(
    technology: Technology, kind: str, size: Size, count: int, weak: float, strong: float
) -> np.ndarray:
    """Drain currents in A of equal devices at two gate voltages, shape (2, count)."""
    sign, model = (1, technology.nmos) if kind == "n" else (-1, technology.pmos)
    drawn = " ".join(f"{name}={value!r}" for name, value in size.drawn(technology).items())
    drain = sign * technology.supply / 2
    devices = "\n".join(
        f"Vd{k} d{k} 0 {drain!r}\nX{k} d{k} g 0 0 {model} {drawn}" for k in range(count)
    )
    step = strong - weak
    lines = (
        f"{count} equal {kind}MOS transistors\n{technology.models}\nVg g 0 0\n{devices}\n"
        f".options reltol=1e-6 {ngspice.options()}\n"
        f".dc Vg {sign * weak!r} {sign * (strong + step / 2)!r} {sign * step!r}\n"
        f".save {' '.join(f'i(Vd{k})' for k in range(count))}\n.end\n"
    )
    vectors = [f"vd{k}#branch" for k in range(count)]
    result = ngspice.run(lines, vectors, technology.texts)
    return np.stack([-sign * result[name] for name in vectors], axis=1)
