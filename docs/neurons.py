"""Draw the schematics in docs/neurons/ and print the table of docs/neurons.md."""

from pathlib import Path

from rheobase.analog import schematic
from rheobase.analog.export import cells
from rheobase.analog.neurons import orbit
from rheobase.analog.neurons.kinds import KINDS
from rheobase.analog.neurons.record import interval, record
from rheobase.analog.technology import generic180
from rheobase.models.units import show

DRAWN = ("axon_hillock", "low_power", "pulse", "exponential_onset", "comparator", "ota")
PREDICTED = (
    "axon-hillock",
    "low-power",
    "brainscales-lif",
    "brainscales-eif",
    "brainscales-eif-fast",
)


def main() -> None:
    """The example of each kind, in our own technology."""
    folder = Path(__file__).parent / "neurons"
    folder.mkdir(exist_ok=True)
    print("| neuron | input | interval | predicted, off by | budget | energy of a spike |")
    print("|---|---|---|---|---|---|")
    for kind, example_of in KINDS.items():
        example = example_of(generic180)
        neuron, current = example.neuron, example.current
        for cell in cells(neuron.circuit.circuit()):
            if cell.name in DRAWN:
                (folder / f"{cell.name}.svg").write_text(schematic.svg(cell), encoding="utf-8")
        found = record(neuron, current, 6 * example.interval, example.interval / 100)
        energy = show(float(found.energies[-1]), "J", 2)
        length, off, budget = float(found.spike_times[-1] - found.spike_times[-2]), "", ""
        if kind in PREDICTED:
            predicted = orbit.predict(neuron, current)
            length, error = interval(neuron, current, predicted.length)
            off = f"{length / predicted.length - 1:+.3%}"
            budget = f"{predicted.error + error / length:.3%}"
        row = (kind, show(current, "A", 3), show(length, "s", 4), off, budget, energy)
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
