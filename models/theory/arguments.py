"""Arguments of a white-noise theory, mu and sigma in V and others: checked, of one shape."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SMALLEST_NOISE = 1e-200
_LARGEST = 1e50


def numbers(name: str, value: ArrayLike, kinds: str = "iuf") -> NDArray:
    """The argument `name` as an array, not empty, of floats or (with kind "c") complex numbers."""
    array = np.asarray(value)
    if array.size == 0:
        raise ValueError(f"{name} must not be empty")
    if array.dtype.kind not in kinds:
        raise TypeError(f"{name} must be a number or an array of numbers, not {value!r}")
    return array.astype(complex if "c" in kinds else float)


def broadcast(**arrays: NDArray) -> list[NDArray]:
    """The named arrays brought to one shape, contiguous."""
    try:
        return [np.array(array, order="C") for array in np.broadcast_arrays(*arrays.values())]
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"shapes must broadcast, not {shapes}") from None


def check(name: str, array: NDArray, allowed: NDArray, what: str) -> None:
    """ValueError with the first value that is not allowed."""
    if not allowed.all():
        raise ValueError(f"{name} must be {what}, not {array[~allowed][0].item()!r}")


def check_noise(sigma: NDArray) -> None:
    allowed = (sigma == 0) | (sigma >= SMALLEST_NOISE) & (sigma <= _LARGEST)
    check("sigma", sigma, allowed, f"0 or {SMALLEST_NOISE:g} .. {_LARGEST:g} V")


def drive_and_noise(mu: ArrayLike, sigma: ArrayLike, **others: NDArray) -> list[NDArray]:
    """mu, sigma and the others, of one shape; mu and sigma in the range that theory covers."""
    found = broadcast(mu=numbers("mu", mu), sigma=numbers("sigma", sigma), **others)
    mu, sigma = found[:2]
    check("mu", mu, np.abs(mu) <= _LARGEST, f"finite, within +-{_LARGEST:g} V")
    check_noise(sigma)
    return found
