"""``rheobase chips``: the Monte Carlo of an experiment's transistor neuron, as a table or JSON.

`rheobase.cosim.substrates.mismatch` says what is measured.
"""

import argparse
import json
from typing import Any

import numpy as np

from ..analog import bias
from ..analog.calibration import Calibrated
from ..analog.lif import AnalogLIF
from ..analog.mismatch import Study, rates, variation, working
from ..analog.technology import matching_of
from ..models.units import show
from .doctor import require
from .experiment import Experiment
from .substrates.mismatch import FIGURES, HELD_OUT, TRAINING, TRIMS, draw, studied
from .theory.result import save
from .verify import show_progress


def run(args: argparse.Namespace, experiment: Experiment) -> int:
    """Run the command."""
    settings = experiment.spice
    if settings is None:
        raise ValueError(f"{experiment.path}: has no [spice], so there are no chips")
    count = (settings.chips or 40) if args.count is None else args.count
    if count < 3:
        raise ValueError(f"--count must be >= 3, for a standard deviation, not {count}")
    if not 0 < args.window < float("inf"):
        raise ValueError(f"--window must be > 0, not {args.window!r}")
    trims = [TRIMS[name] for name in dict.fromkeys(args.trim)]
    require("libngspice", "rheobase chips")
    speed_up = settings.speed_up[0] if args.speed_up is None else args.speed_up
    process = settings.process()
    matching_of(process)  # before the work: not every technology has it
    with show_progress(args.quiet) as progress:
        progress(f"{experiment.name}: design")
        lif = bias.design(
            experiment.neuron, process, speed_up, settings.voltage_scale, offset=settings.offset
        )
        found = studied(lif, trims, count, progress, experiment.name)
    if args.plot is not None:
        save(draw(found, lif), args.plot)
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
                (figure for figure, _ in FIGURES),
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
    for name, unit in FIGURES:
        each = numbers["figures"][name]
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
