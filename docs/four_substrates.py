"""Draw docs/four_substrates.png from the report of ``rheobase verify``.

The f-I curve of Brunel's neuron on four substrates, and how far each is from its own prediction.
"""

import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rheobase.cosim.experiment import built_in
from rheobase.cosim.figures import COLOUR, MARKER
from rheobase.models.theory import siegert


def main(report: Path) -> None:
    """Read results.json in `report`."""
    checks = json.loads((report / "results.json").read_text())["checks"]
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    rates, errors = figure.subplots(1, 2)
    for check in checks:
        if check["experiment"] != "fi-curve" or check["observable"] != "rate":
            continue
        points = [p for p in check["points"] if p["at"].endswith("mV")]
        drive = [float(p["at"].split()[0]) for p in points]
        speed_up = float(check["setting"].split()[-1]) if check["substrate"] == "spice" else 1.0
        rate = [p["measured"] / speed_up for p in points]
        colour, marker = COLOUR[check["substrate"]], MARKER[check["substrate"]]
        filled = check["setting"] in ("dt 100 µs", "speed-up 1")
        face = colour if filled else "none"
        style = {"color": colour, "ls": "", "marker": marker, "mfc": face}
        size = {"spice": 8, "rtl": 1.5, "reference": 3}[check["substrate"]]
        label = f"{check['substrate']}, {check['setting']}"
        rates.plot(drive, rate, ms=size, label=label, **style)
        firing = [(x, p) for x, p in zip(drive, points, strict=True) if p["predicted"]]
        deviation = [100 * (p["measured"] / p["predicted"] - 1) for _, p in firing]
        errors.plot([x for x, _ in firing], deviation, ms=size, **style)
    mu = np.linspace(0.0, 0.12, 1000)
    ideal = siegert.fi_curve(built_in("fi-curve").neuron, mu)
    rates.plot(1e3 * mu, ideal, color=COLOUR["theory"], lw=1, label="theory")
    rates.set(xlabel="drive R I (mV)", ylabel="rate (Hz)", xlim=(0, 125), title="f-I curve")
    rates.legend(fontsize=7, frameon=False)
    errors.set(xlabel="drive R I (mV)", ylabel="%", title="measured rate against its prediction")
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "rheobase-report"))
