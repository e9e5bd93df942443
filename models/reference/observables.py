"""What is measured on the spikes of a network: rates, irregularity, correlation, synchrony.

    rates, rate            spikes per neuron and second; the population's with a standard error
    cvs                    coefficient of variation of the inter-spike intervals
    fano_factors           variance over mean of the spike count (Fano 1947)
    correlations           of the spike counts of two neurons (Pearson)
    population_spectrum    of the population rate; r / n for independent Poisson trains
    synchrony              mean square of the modulation that the rates of all neurons share

Spikes are the pair (times in s, ids from 0). A window (start, stop) takes the spikes at
``start < t <= stop``: a spike at the end of a time step belongs to that step. What has no value for
some neuron, such as the CV without intervals, is an error or left out by name; nothing returns NaN.
"""

from math import isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal

Window = tuple[float, float]


def _spikes(
    times: ArrayLike, ids: ArrayLike, n: int, window: Window
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    at, who = np.asarray(times, float), np.asarray(ids)
    if at.ndim != 1 or at.shape != who.shape:
        raise ValueError(f"times and ids must pair up, not {at.shape} and {who.shape}")
    if who.size and who.dtype.kind not in "iu":
        raise TypeError(f"ids must hold integers, not {who.dtype}")
    if not np.isfinite(at).all():
        raise ValueError("times must be finite")
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(f"n must be an integer, not {n!r}")
    if n < 1:
        raise ValueError(f"n must be >= 1, not {n!r}")
    if who.size and not (who.min() >= 0 and who.max() < n):
        raise ValueError(f"ids must be 0 .. {n - 1}, not {who.min()} .. {who.max()}")
    if not (all(map(isfinite, window)) and window[0] < window[1]):
        raise ValueError(f"window must be finite, start < stop, not {window!r}")
    inside = (at > window[0]) & (at <= window[1])
    return at[inside], who[inside].astype(np.int64)


def _bins(name: str, width: float, window: Window, least: int) -> int:
    if not (isfinite(width) and width > 0):
        raise ValueError(f"{name} must be finite and > 0 s, not {width!r}")
    exact = (window[1] - window[0]) / width
    bins = round(exact)
    if bins < least or abs(exact - bins) > 1e-6 * bins:
        raise ValueError(f"{name} must divide window = {window!r} into >= {least}, not {width!r}")
    return bins


def counts(
    times: ArrayLike, ids: ArrayLike, n: int, window: Window, width: float
) -> NDArray[np.int64]:
    """Spikes per neuron and bin.

    Parameters
    ----------
    times, ids : array_like, shape (spikes,)
    n : int
        Number of neurons.
    window : (float, float)
        In s.
    width : float
        Of a bin in s; a whole number of bins fills the window. A spike within a millionth of a bin
        above an edge belongs below it: times on a grid are rounded.

    Returns
    -------
    ndarray, shape (n, bins)
    """
    bins = _bins("width", width, window, 1)
    at, who = _spikes(times, ids, n, window)
    bin_ = np.clip(np.ceil((at - window[0]) / width - 1e-6).astype(np.int64) - 1, 0, bins - 1)
    return np.bincount(who * bins + bin_, minlength=n * bins).reshape(n, bins)


def rates(times: ArrayLike, ids: ArrayLike, n: int, window: Window) -> NDArray[np.float64]:
    """Rate of each neuron in Hz, shape (n,)."""
    _, who = _spikes(times, ids, n, window)
    return np.bincount(who, minlength=n) / (window[1] - window[0])


def rate(
    times: ArrayLike, ids: ArrayLike, n: int, window: Window, batches: int = 20
) -> tuple[float, float]:
    """Mean rate of the population in Hz, and its standard error.

    The standard error is that of the mean over `batches` equal parts of the window, which must be
    longer than the network's correlations for the parts to be independent; a network's spikes are
    not, so no formula with the CV would do.
    """
    if isinstance(batches, bool) or not isinstance(batches, int | np.integer) or batches < 2:
        raise ValueError(f"batches must be an integer >= 2, not {batches!r}")
    width = (window[1] - window[0]) / batches
    each = counts(times, ids, n, window, width).sum(axis=0) / (n * width)
    return float(each.mean()), float(each.std(ddof=1) / sqrt(batches))


def cvs(
    times: ArrayLike, ids: ArrayLike, n: int, window: Window, intervals: int = 2
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Coefficient of variation of the intervals of each neuron that has enough of them.

    Parameters
    ----------
    times, ids, n, window
        As for `counts`.
    intervals : int
        Fewest that count, >= 2. The estimate is biased towards regularity by about one part in the
        number of intervals, and by the window, which long intervals do not fit into.

    Returns
    -------
    ids : ndarray, shape (neurons that have them,)
    cv : ndarray, of the same shape
    """
    if isinstance(intervals, bool) or not isinstance(intervals, int | np.integer) or intervals < 2:
        raise ValueError(f"intervals must be an integer >= 2, not {intervals!r}")
    at, who = _spikes(times, ids, n, window)
    order = np.lexsort((at, who))
    at, who = at[order], who[order]
    same = who[1:] == who[:-1]
    isi, owner = np.diff(at)[same], who[1:][same]
    number = np.bincount(owner, minlength=n)
    enough = np.flatnonzero(number >= intervals)
    mean = np.bincount(owner, isi, n)[enough] / number[enough]
    centred = isi - (np.bincount(owner, isi, n) / np.maximum(number, 1))[owner]
    variance = np.bincount(owner, centred**2, n)[enough] / number[enough]
    if not (mean > 0).all():
        raise ValueError(f"times: neuron {enough[mean == 0][0]} has all its spikes at one time")
    return enough, np.sqrt(variance) / mean


def _counted(counted: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(counted, float)
    if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] < 2:
        raise ValueError(f"counted must have shape (neurons, >= 2 bins), not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("counted must be finite")
    return array


def fano_factors(counted: ArrayLike) -> NDArray[np.float64]:
    """Variance (unbiased) over mean of each row of counts.

    Parameters
    ----------
    counted : array_like, shape (neurons, bins)
        From `counts`.

    Raises
    ------
    ValueError
        A row has no spikes.
    """
    array = _counted(counted)
    mean = array.mean(axis=1)
    if not (mean > 0).all():
        raise ValueError(f"counted: row {np.flatnonzero(mean <= 0)[0]} has no spikes, leave it out")
    return array.var(axis=1, ddof=1) / mean


def correlations(counted: ArrayLike) -> NDArray[np.float64]:
    """Pearson correlation of the counts of every pair of rows.

    Parameters
    ----------
    counted : array_like, shape (neurons, bins)
        From `counts`; at least two neurons.

    Returns
    -------
    ndarray, shape (neurons (neurons - 1) / 2,)
        Pairs in the order of ``numpy.triu_indices(neurons, 1)``.

    Raises
    ------
    ValueError
        A row is constant: it has no correlation.
    """
    array = _counted(counted)
    if array.shape[0] < 2:
        raise ValueError(f"counted must have at least two rows, not {array.shape[0]}")
    constant = np.flatnonzero((array == array[:, :1]).all(axis=1))
    if constant.size:
        raise ValueError(f"counted: row {constant[0]} is constant, leave it out")
    return np.asarray(np.corrcoef(array))[np.triu_indices(array.shape[0], 1)]


def population_spectrum(
    times: ArrayLike, ids: ArrayLike, n: int, window: Window, width: float, segment: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power spectral density of the population rate ``sum of spikes / (n dt)``, two-sided.

    Independent Poisson trains of rate r have r / n at all frequencies; a renewal train, r CV^2 / n
    towards frequency 0.

    Parameters
    ----------
    times, ids, n, window
        As for `counts`.
    width : float
        Of a time bin in s: frequencies reach to ``1 / (2 width)``, and are damped by
        ``sinc(f width)**2``.
    segment : float
        Length in s of the segments whose spectra are averaged, half overlapping and with Hann's
        window (Welch 1967): the resolution is about ``1.5 / segment``.

    Returns
    -------
    frequency : ndarray, shape (bins per segment // 2,)
        In Hz, from ``1 / segment``.
    density : ndarray, of the same shape
        In Hz (Hz^2 per Hz).
    """
    _bins("width", width, window, 4)
    if not (isfinite(segment) and 4 * width <= segment <= window[1] - window[0]):
        raise ValueError(f"segment must be 4 widths .. the window in s, not {segment!r}")
    at, who = _spikes(times, ids, n, window)
    population = counts(at, np.zeros_like(who), 1, window, width)[0] / (n * width)
    frequency, density = signal.welch(
        population, 1 / width, nperseg=round(segment / width), return_onesided=False
    )
    positive = slice(1, round(segment / width) // 2)
    return frequency[positive], density[positive]


def synchrony(counted: ArrayLike) -> float:
    """Mean square of the modulation that the rates of all rows share; 0 if they are independent.

    With the counts k_i, their sum K, and sums over all pairs of different rows::

        sum cov(k_i, k_j) / sum <k_i> <k_j> = (var K - sum var k_i) / (<K>**2 - sum <k_i>**2)

    If row i has the rate ``r_i (1 + x(t))`` and spikes that are independent but for that, this is
    the mean square of x in bins, however high or low the r_i: a^2 / 2 of ``x = a sin(omega t)``.
    In a large asynchronous network it is of order 1 / rows, in a synchronous one of order 1
    (Ginzburg & Sompolinsky 1994). Bins of a width w see ``sinc(f w)**2`` of what is modulated at f.
    The standard error of independent Poisson trains is ``sqrt(2 / bins)`` over the spikes in a bin.

    Parameters
    ----------
    counted : array_like, shape (neurons, bins)
        From `counts`.

    Raises
    ------
    ValueError
        Fewer than two rows have spikes.
    """
    array = _counted(counted)
    mean = array.mean(axis=1)
    if (mean > 0).sum() < 2:
        raise ValueError(f"counted must have >= 2 rows with spikes, not {(mean > 0).sum()}")
    covariances = array.sum(axis=0).var(ddof=1) - array.var(axis=1, ddof=1).sum()
    return float(covariances / (mean.sum() ** 2 - (mean**2).sum()))
