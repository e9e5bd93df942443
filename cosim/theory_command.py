"""``rheobase theory``: a prediction as numbers, JSON or a plot."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..models.neuron import LIF
from ..models.theory import discrete_time, fokker_planck, siegert
from ..models.units import show


def _value(neuron: LIF, quantity: str, mu: float, sigma: float, dt: float | None) -> float:
    if dt is not None:
        return float(getattr(discrete_time.solve(neuron, mu, sigma, dt), quantity))
    return float(getattr(siegert, quantity)(neuron, mu, sigma))


def _plot(path: Path, x: Any, y: Any, x_label: str, y_label: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, y, "-o" if len(x) < 40 else "-", ms=4)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    draft = path.with_name(f".{os.getpid()}.{path.name}")  # the suffix names the format
    try:
        figure.savefig(draft)
        os.replace(draft, path)
    except OSError as error:
        raise OSError(f"cannot write the plot to {path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def predict(
    neuron: LIF,
    quantity: str,
    drives: list[float],
    sigma: float,
    dt: float | None,
    as_json: bool,
    plot: Path | None,
) -> str:
    """Predict `quantity` ("rate", "cv" or "density") and return what to print.

    Raises
    ------
    ValueError
        sigma < 0; or a density in discrete time, at several drives, or without noise.
    """
    if sigma < 0:
        raise ValueError(f"sigma must be >= 0 V, not {sigma!r}")
    if quantity == "density":
        if dt is not None or len(drives) != 1 or sigma == 0:
            raise ValueError("density takes one --mu and a --sigma above 0 V, and no --dt")
        found = fokker_planck.stationary(neuron, drives[0], sigma)
        x, y, unit = found.v, found.density, "1/V"
        labels = ("V (V)", "density (1/V)")
    else:
        x = np.array(drives)
        y = np.array([_value(neuron, quantity, mu, sigma, dt) for mu in drives])
        unit = "Hz" if quantity == "rate" else ""
        labels = ("mu (V)", f"{quantity} ({unit})" if unit else quantity)
    if plot is not None:
        _plot(plot, x, y, *labels)
    if as_json:
        return json.dumps({"x_V": x.tolist(), quantity: y.tolist(), "unit": unit})
    return "\n".join(
        f"{show(a, 'V'):>12}  {b:.12g} {unit}".rstrip() for a, b in zip(x, y, strict=True)
    )
