"""All solutions of the self-consistent rate equations ``r = Phi(r)``, with proof.

Mean and variance of the input are linear in the rates, ``mu = m + A r``, ``sigma**2 = v + B r``,
and the Siegert rate Phi (Amit & Brunel 1997, eq. 3) grows with mu and with sigma. So the corners of
a box of rates bound Phi over the whole box, and its slopes too. The search starts from the box of
all admissible rates and narrows, drops or halves boxes (interval Newton method: Moore 1966;
Krawczyk 1969):

    r in X solves the equations  =>  r in Phi(X)
                                 =>  r in K(X) = c - Y (c - Phi(c)) + (1 - Y (1 - Phi'(X))) (X - c)

with c the middle of X and Y the inverse of ``1 - Phi'`` there. A box that shares nothing with
Phi(X) or K(X) holds no solution. If ``1 - Y (1 - Phi'(X))`` contracts, no slope in Phi'(X) makes
``1 - Phi'`` singular, so that the box holds at most one; Newton's method then finds it. Rounding
enters with 1e-10 of all that is added up, above the error of `siegert`.

That the rate grows with sigma: ``dPhi/dsigma`` is a positive factor times ``h(b) - h(a)``,
``h(y) = y psi(y)``, ``psi(y) = exp(y**2) (1 + erf y)``, and h grows, by
``erfcx(x) > 2 / sqrt(pi) / (x + sqrt(x**2 + 2))`` (Abramowitz & Stegun, 7.1.13).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr

from ..neuron import LIF
from . import siegert

FASTEST = 1e9  # Hz: rates above are not looked at
_ROUNDING = 1e-10
_POINT = 1e-9  # relative width of a box that is not worth halving any more
_TWIN = 1e-6  # solutions that are closer than this, relatively, are not told apart
_LARGEST = 200_000  # boxes at a time
_LEAST_SIGMA = 1e-6  # of v_th - v_reset


def _log_psi(y: NDArray) -> NDArray:
    """log(exp(y**2) (1 + erf y))."""
    up, down = np.maximum(y, 0.0), np.maximum(-y, 0.0)
    right = up * up + np.log(2.0) + log_ndtr(np.sqrt(2.0) * up)
    return np.where(y > 0, right, np.log(erfcx(down)))


def _quotient(x_low: NDArray, x_high: NDArray, s_low: NDArray, s_high: NDArray) -> list[NDArray]:
    """Bounds of x / s, s > 0."""
    return [
        np.where(x_low > 0, x_low / s_high, x_low / s_low),
        np.where(x_high > 0, x_high / s_low, x_high / s_high),
    ]


@dataclass(frozen=True, eq=False)
class Equations:
    """``r_i = Phi_i(m_i + sum_j A_ij r_j, sqrt(v_i + sum_j B_ij r_j))`` for n unknown rates.

    Attributes
    ----------
    neurons : tuple of LIF, length n
    a, b : ndarray, shape (n, n)
        Mean in V/Hz, either sign; variance in V**2/Hz, >= 0.
    m, v : ndarray, shape (n,)
        External mean in V and variance in V**2.
    lift : ndarray, shape (n,)
        Shift of the threshold in units of sigma (a time step).
    shift : ndarray, shape (n,)
        Shift of threshold and reset in units of sigma (coloured noise).
    """

    neurons: tuple[LIF, ...]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    m: NDArray[np.float64]
    v: NDArray[np.float64]
    lift: NDArray[np.float64]
    shift: NDArray[np.float64]

    def fold(self) -> tuple["Equations", list[int]]:
        """Equations for one of each kind of population, and the kind of each population.

        Populations with the same neuron and the same input fire at the same rate.
        """
        rows = np.column_stack([self.a, self.b, self.m, self.v])
        keys = [(neuron, *row) for neuron, row in zip(self.neurons, rows.tolist(), strict=True)]
        kinds = list(dict.fromkeys(keys))
        kind = [kinds.index(key) for key in keys]
        first = [keys.index(key) for key in kinds]
        member = np.equal.outer(kind, range(len(kinds))).astype(float)
        folded = Equations(
            tuple(self.neurons[i] for i in first),
            self.a[first] @ member,
            self.b[first] @ member,
            *(x[first] for x in (self.m, self.v, self.lift, self.shift)),
        )
        return folded, kind

    def _log_rate(self, i: int, mu: NDArray, sigma: NDArray, at: NDArray) -> NDArray:
        """log Phi_i with the thresholds shifted as at the noise `at`.

        A raised threshold is an affine map of the voltage that keeps the reset.
        """
        neuron = self.neurons[i]
        mu = mu - self.shift[i] * at
        if self.lift[i]:
            span, start = neuron.v_th - neuron.v_reset, neuron.v_reset - neuron.v_rest
            scale = span / (span + self.lift[i] * at)
            mu, sigma = start + (mu - start) * scale, sigma * scale
        return siegert.log_rate(neuron, mu, sigma)

    def _input(self, low: NDArray, high: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Least and largest mu, least and largest sigma of the boxes, each (boxes, n)."""
        plus, minus = np.maximum(self.a, 0.0).T, np.minimum(self.a, 0.0).T
        return (
            self.m + low @ plus + high @ minus,
            self.m + high @ plus + low @ minus,
            np.sqrt(self.v + low @ self.b.T),
            np.sqrt(self.v + high @ self.b.T),
        )

    def _log_bounds(self, inputs: tuple[NDArray, ...]) -> NDArray:
        """log of the bounds of Phi, (2, boxes, n)."""
        mu_low, mu_high, s_low, s_high = inputs
        out = np.empty((2, *mu_low.shape))
        for i in range(len(self.neurons)):
            out[0, :, i] = self._log_rate(i, mu_low[:, i], s_low[:, i], s_high[:, i])
            out[1, :, i] = self._log_rate(i, mu_high[:, i], s_high[:, i], s_low[:, i])
        return out

    def response(self, r: NDArray) -> NDArray:
        """Phi at rates r, (boxes, n)."""
        return np.exp(self._log_bounds(self._input(r, r))[0])

    def bounds(self, low: NDArray, high: NDArray) -> tuple[NDArray, NDArray]:
        """Bounds of Phi, (2, boxes, n), and of its slopes, (2, boxes, n, n), over boxes.

        Slopes are those at a noise of at least 1e-6 (v_th - v_reset); inf or nan where they
        overflow.
        """
        inputs = self._input(low, high)
        log_bounds = self._log_bounds(inputs)
        n = len(self.neurons)
        slopes = np.empty((2, *low.shape, n))
        for i in range(n):
            mean, variance = self._slopes(i, np.array(inputs)[..., i], log_bounds[..., i])
            plus, minus, b = np.maximum(self.a[i], 0.0), np.minimum(self.a[i], 0.0), self.b[i]
            with np.errstate(over="ignore", invalid="ignore"):  # inf * 0
                slopes[0, :, i] = mean[0] * plus + mean[1] * minus + variance[0] * b
                slopes[1, :, i] = mean[1] * plus + mean[0] * minus + variance[1] * b
        return np.exp(log_bounds), slopes

    def _slopes(self, i: int, inputs: NDArray, log_rates: NDArray) -> tuple[NDArray, NDArray]:
        """Bounds of dPhi_i/dmu and of dPhi_i/dsigma**2, each (2, boxes, 1).

        dPhi/dmu = Phi**2 tau sqrt(pi) / sigma (psi(b) - psi(a)); with respect to sigma**2,
        Phi**2 tau sqrt(pi) / (2 sigma**2) (y_b psi(b) - y_a psi(a)), where b = y_b + lift + shift
        and a = y_a + shift are threshold and reset, shifted, in units of sigma.
        """
        neuron, at_a = self.neurons[i], self.shift[i]
        mu_low, mu_high, s_low, s_high = inputs
        at_b = at_a + self.lift[i]
        span = neuron.v_th - neuron.v_reset
        s_low = np.maximum(s_low, _LEAST_SIGMA * span)
        s_high = np.maximum(s_high, s_low)
        gap_low, gap_high = neuron.v_th - neuron.v_rest - np.array([mu_high, mu_low])
        b_low, b_high = _quotient(gap_low, gap_high, s_low, s_high)
        a_low, a_high = _quotient(gap_low - span, gap_high - span, s_low, s_high)
        scale = _log_psi(b_high + at_b)
        psi_b = [np.exp(_log_psi(y + at_b) - scale) for y in (b_low, b_high)]
        psi_a = [np.exp(_log_psi(y + at_a) - scale) for y in (a_low, a_high)]
        with np.errstate(over="ignore", invalid="ignore"):
            factor = neuron.tau_m * np.sqrt(np.pi) * np.exp(2 * log_rates + scale)
            mean = np.array([psi_b[0] - psi_a[1], psi_b[1] - psi_a[0]])
            mean[0] = np.maximum(mean[0], 0.0)
            mean *= factor / np.array([s_high, s_low])
            # y psi(y + c) = (y + c) psi(y + c) - c psi(y + c), a difference of growing functions
            h_b = [(y + at_b) * psi for y, psi in zip((b_low, b_high), psi_b, strict=True)]
            h_a = [(y + at_a) * psi for y, psi in zip((a_low, a_high), psi_a, strict=True)]
            variance = np.array(
                [
                    h_b[0] - h_a[1] - at_b * psi_b[1] + at_a * psi_a[0],
                    h_b[1] - h_a[0] - at_b * psi_b[0] + at_a * psi_a[1],
                ]
            )
            small = factor[0] / (2 * s_high**2)
            large = factor[1] / (2 * s_low**2)
            variance[0] *= np.where(variance[0] > 0, small, large)
            variance[1] *= np.where(variance[1] > 0, large, small)
        return mean[..., None], variance[..., None]

    def _narrow(self, low: NDArray, high: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Boxes narrowed to what Phi(X) and K(X) leave; whether they hold one solution at most, and
        a step of Newton's method stays inside.

        An empty box has low > high.
        """
        one = np.eye(len(self.neurons))
        phi, slopes = self.bounds(low, high)
        unique = np.zeros(len(low), bool)
        usable = np.isfinite(slopes).all((0, 2, 3)) & self._noisy(low)
        if usable.any():
            old_low, old_high = low[usable], high[usable]
            middle, half = (old_low + old_high) / 2, (old_high - old_low) / 2
            centre, radius = slopes[:, usable].mean(0), np.ptp(slopes[:, usable], axis=0) / 2
            linear = one - centre
            inverse = np.linalg.pinv(linear)
            size = np.abs(inverse)
            response = self.response(middle)
            newton = middle - _times(inverse, middle - response)
            error = np.abs(one - inverse @ linear) + size @ (radius + _ROUNDING * np.abs(linear))
            reach = _times(error, half) + _ROUNDING * (middle + _times(size, middle + response))
            some = half + _TWIN * half.max(1, keepdims=True)  # any positive vector will do
            contracts = np.all(_times(error, some) < some, axis=1)
            unique[usable] = contracts & np.all(np.abs(newton - middle) <= some, axis=1)
        low = np.maximum(low, phi[0] * (1 - _ROUNDING))
        high = np.minimum(high, phi[1] * (1 + _ROUNDING))
        if usable.any():
            low[usable] = np.maximum(low[usable], newton - reach)
            high[usable] = np.minimum(high[usable], newton + reach)
        return low, high, unique

    def _noisy(self, low: NDArray) -> NDArray:
        """Boxes in which the bounds of the slopes hold: no noise is below `_LEAST_SIGMA`."""
        span = np.array([neuron.v_th - neuron.v_reset for neuron in self.neurons])
        return np.all(self.v + low @ self.b.T >= (_LEAST_SIGMA * span) ** 2, axis=1)

    def newton(self, r: NDArray) -> NDArray:
        """Newton's method from r, (n,); nan if it does not converge."""
        one = np.eye(len(r))
        for _ in range(50):
            phi, slopes = self.bounds(r[None], r[None])
            step = np.linalg.pinv(one - slopes[0, 0]) @ (phi[0, 0] - r)
            old, r = r, np.maximum(phi[0, 0] + slopes[0, 0] @ step, 0.0)  # r + step, or better
            if not np.all(r < FASTEST):
                return np.full_like(r, np.nan)
            change = np.abs(r - old)
            if np.all(change <= 1e-13 * r):
                break
        settled = np.all(change <= 1e-8 * r) and np.all(np.abs(phi[0, 0] - r) <= 1e-6 * r)
        return r if settled else np.full_like(r, np.nan)

    def solve(self, max_rates: NDArray) -> list[NDArray]:
        """All solutions with ``0 <= r <= max_rates``, each (n,), in no particular order.

        Raises
        ------
        ValueError
            Two solutions (nearly) coincide, or the search would take more than 200 000 boxes.
        """
        low, high = np.zeros((1, len(max_rates))), max_rates[None].astype(float)
        weight = np.abs(self.a).max(0) + 1e-9 * np.abs(self.a).max()
        solutions: list[NDArray] = []
        points: list[NDArray] = []
        while len(low):
            before = high - low
            low, high, unique = self._narrow(low, high)
            whole = (low <= high).all(1)
            low, high, before, unique = low[whole], high[whole], before[whole], unique[whole]
            for i in np.flatnonzero(unique):
                r = self.newton((low[i] + high[i]) / 2)
                unique[i] = np.all((r >= low[i]) & (r <= high[i]))
                if unique[i]:
                    solutions.append(r)
            low, high, before = (x[np.logical_not(unique)] for x in (low, high, before))
            width = high - low
            small = (width <= _POINT * (high + _TWIN * max_rates)).all(1)
            points += list((low + high)[small] / 2)
            low, high, width, before = (x[~small] for x in (low, high, width, before))
            slow = width.max(1) > before.max(1) / 2
            side = np.eye(len(max_rates), dtype=bool)[(width[slow] * weight).argmax(1)]
            middle = (low[slow] + high[slow]) / 2
            low = np.vstack([low[~slow], low[slow], np.where(side, middle, low[slow])])
            high = np.vstack([high[~slow], np.where(side, middle, high[slow]), high[slow]])
            if len(low) > _LARGEST:
                raise ValueError(
                    f"network of {len(max_rates)} different populations is too large for a search "
                    f"of all fixed points (more than {_LARGEST} boxes); relax finds one"
                )
        return self._distinct(solutions, points, max_rates)

    def _distinct(self, solutions: list[NDArray], points: list[NDArray], scale: NDArray) -> list:
        """The solutions and those of the points, boxes shrunk to nothing, that are new."""
        for point in points:
            near = [_TWIN * (r + _TWIN * scale) for r in (*solutions, point)]
            if any(np.all(abs(point - r) <= d) for r, d in zip(solutions, near[:-1], strict=True)):
                continue
            low, high = np.maximum(point - near[-1], 0.0), point + near[-1]
            r = self.newton(point)
            phi = self.bounds(low[None], high[None])[0][:, 0]
            attracted = np.all((phi[0] >= low) & (phi[1] <= high))
            unique = self._narrow(low[None], high[None])[2][0]
            if not ((attracted or unique) and np.all((r >= low) & (r <= high))):
                raise ValueError(
                    f"network is at a fold: fixed points (nearly) coincide at {point.tolist()} Hz"
                )
            solutions.append(r)
        return solutions


def _times(matrices: NDArray, vectors: NDArray) -> NDArray:
    return (matrices @ vectors[..., None])[..., 0]
