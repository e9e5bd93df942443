"""``rheobase chips``: chips of an experiment's transistor neuron, before and after calibration.

The spread of the design's figures as Pelgrom's law predicts it, beside that of chips whose
transistors drew their mismatch; then each chip's trims are set by its rates at `TRAINING`, and all
are judged at `HELD_OUT`, in nominal rheobases. `rheobase.analog.mismatch` does the work.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from ..analog import bias
from ..analog.calibration import Calibrated
from ..analog.lif import AnalogLIF
from ..analog.mismatch import Study, rates, study, variation, working
from ..analog.monte_carlo import Failed, Response, rheobase
from ..analog.technology import matching_of
from ..models.units import show
from .doctor import require
from .experiment import Experiment
from .theory.result import save
from .verify import show_progress

TRAINING = (1.1, 2.0, 6.0)
HELD_OUT = (1.2, 1.5, 3.0, 5.0)
TRIMS = {"leak": "i_leak", "threshold": "v_th_reference", "refractory": "i_refractory"}
_BEFORE, _AFTER = "#b2182b", "#2166ac"


def run(args: argparse.Namespace, experiment: Experiment) -> int:
    """Run the command."""
    settings = experiment.spice
    if settings is None:
        raise ValueError(f"{experiment.path}: has no [spice], so there are no chips")
    if args.count < 3:
        raise ValueError(f"--count must be >= 3, for a standard deviation, not {args.count}")
    if not 0 < args.window < float("inf"):
        raise ValueError(f"--window must be > 0, not {args.window!r}")
    trims = [TRIMS[name] for name in dict.fromkeys(args.trim)]
    require("libngspice", "rheobase chips")
    speed_up = settings.speed_up[0] if args.speed_up is None else args.speed_up
    process = settings.process()
    matching = matching_of(process)
    with show_progress(args.quiet) as progress:
        progress(f"{experiment.name}: design")

        def told(stage: str, done: int) -> None:
            if done % 10 == 0:
                progress(f"{experiment.name}: {stage}, {done} circuits done")

        lif = bias.design(
            experiment.neuron, process, speed_up, settings.voltage_scale, offset=settings.offset
        )
        current = rheobase(lif)
        found = study(
            lif,
            [x * current for x in TRAINING],
            [x * current for x in HELD_OUT],
            trims,
            range(1, args.count + 1),
            matching,
            progress=told,
        )
    if args.plot is not None:
        plot(found, lif, args.plot)
    answer = results(found, args.window)
    print(json.dumps(answer) if args.json else table(found, lif, args.window))
    return 0


def results(found: Study, window: float) -> dict[str, Any]:
    """All numbers, in the chip's own SI units."""
    before, after = found.yields(window)
    figures = np.array([response.values[:3] for response in working(found.before)])
    return {
        "chips": len(found.seeds),
        "window": window,
        "yield_before": before,
        "yield_after": after,
        "figures": {
            name: {
                "nominal": float(nominal),
                "predicted_sd": float(predicted),
                "sd": float(measured),
            }
            for name, nominal, predicted, measured in zip(
                ("tau_m", "v_rest", "v_trip"),
                found.spread.nominal[:3],
                found.spread.second[:3],
                figures.std(axis=0, ddof=1),
                strict=True,
            )
        },
        "predicted_variation": dict(
            zip(
                map(str, TRAINING),
                (found.spread.second / found.spread.nominal)[3:].tolist(),
                strict=True,
            )
        ),
        "rates": {
            str(x): {
                "nominal": nominal,
                "variation_before": float(variation_before),
                "variation_after": float(variation_after),
            }
            for x, nominal, variation_before, variation_after in zip(
                HELD_OUT,
                found.nominal.rates,
                variation(rates(working(found.before))),
                variation(rates(working(found.after))),
                strict=True,
            )
        },
        "codes": {
            seed: list(each.codes) if isinstance(each, Calibrated) else None
            for seed, each in zip(found.seeds, found.calibrated, strict=True)
        },
        "failures": {
            seed: {"before": before, "after": after}
            for seed, (before, after) in found.failures.items()
        },
    }


def table(found: Study, lif: AnalogLIF, window: float) -> str:
    """The numbers for people."""
    numbers = results(found, window)
    lines = [
        f"{numbers['chips']} chips of {lif.technology.name}, speed-up {lif.speed_up:g}; chip units",
        "",
        f"{'':24}{'nominal':>12}{'sd, Pelgrom':>14}{'sd, chips':>12}",
    ]
    for (name, each), unit in zip(numbers["figures"].items(), ("s", "V", "V"), strict=True):
        cells = (show(each[key], unit, 4) for key in ("nominal", "predicted_sd", "sd"))
        lines.append("{:24}{:>12}{:>14}{:>12}".format(name, *cells))
    for x, predicted in numbers["predicted_variation"].items():
        lines.append(f"{f'rate at {x} rheobases':36}{f'{predicted:.2%}':>14}")
    lines += ["", f"{'':24}{'nominal':>12}{'cv before':>14}{'cv after':>12}"]
    for x, each in numbers["rates"].items():
        before, after = (f"{each[f'variation_{when}']:.2%}" for when in ("before", "after"))
        nominal = show(each["nominal"], "Hz", 4)
        lines.append(f"{f'rate at {x} rheobases':24}{nominal:>12}{before:>14}{after:>12}")
    lines += [
        "",
        f"within {window:.1%} of all nominal rates: {numbers['yield_before']:.1%} of the chips"
        f" before calibration, {numbers['yield_after']:.1%} after",
    ]
    for seed, why in numbers["failures"].items():
        lines += [
            f"chip {seed} failed {when} calibration: {why[when]}" for when in why if why[when]
        ]
    return "\n".join(lines)


def plot(found: Study, lif: AnalogLIF, path: Path) -> None:
    """Rates of all chips before and after, and each figure's chips on Pelgrom's law."""
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    figure.suptitle(f"{len(found.seeds)} chips of {lif.technology.name}, speed-up {lif.speed_up:g}")
    axes = figure.subplots(2, 3)
    _curves(axes[0, 0], found.before, found.nominal, "before calibration", _BEFORE)
    _curves(axes[0, 1], found.after, found.nominal, "after calibration", _AFTER)
    _variations(axes[0, 2], found)
    figures = np.array([response.values[:3] for response in working(found.before)])
    names = (("tau_m", "s"), ("v_rest", "V"), ("v_trip", "V"))
    for column, (name, unit) in enumerate(names):
        nominal, sd = found.spread.nominal[column], found.spread.second[column]
        _distribution(axes[1, column], figures[:, column], nominal, sd)
        axes[1, column].set_xlabel(f"{name} ({unit})")
    for each in axes.ravel():
        each.grid(alpha=0.25)
    save(figure, path)


def _curves(
    axes: Axes, chips: Sequence[Response | Failed], nominal: Response, title: str, colour: str
) -> None:
    for response in working(chips):
        axes.plot(HELD_OUT, 1e-3 * np.array(response.rates), color=colour, lw=0.7, alpha=0.6)
    axes.plot(HELD_OUT, 1e-3 * np.array(nominal.rates), "k--", lw=1.5, label="design")
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("current (rheobases)")
    axes.set_ylabel("rate on the chip (kHz)")
    axes.legend(fontsize=8)


def _variations(axes: Axes, found: Study) -> None:
    predicted = (found.spread.second / found.spread.nominal)[3:]
    axes.semilogy(TRAINING, 100 * predicted, "k^--", label="Pelgrom's law, before")
    for chips, colour, name in ((found.before, _BEFORE, "before"), (found.after, _AFTER, "after")):
        drawn = 100 * variation(rates(working(chips)))
        axes.semilogy(HELD_OUT, drawn, "o-", color=colour, label=f"chips, {name}")
    axes.set_xlabel("current (rheobases)")
    axes.set_ylabel("variation of the rate (%)")
    axes.legend(fontsize=8)


def _distribution(axes: Axes, samples: np.ndarray, nominal: float, sd: float) -> None:
    """The chips in order, on the quantiles of the predicted normal law."""
    x = np.linspace(nominal - 3.5 * sd, nominal + 3.5 * sd, 200)
    axes.plot(x, norm.cdf(x, nominal, sd), "k--", lw=1, label="Pelgrom's law")
    share = (np.arange(len(samples)) + 0.5) / len(samples)
    axes.plot(np.sort(samples), share, "o", color=_BEFORE, ms=4, label="chips")
    axes.set_ylabel("share of chips below")
    axes.legend(fontsize=8)
