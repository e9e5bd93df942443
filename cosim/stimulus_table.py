"""The ``[[stimulus]]`` tables of an experiment -> one of the stimuli of `models`.

The schema is the classes below; `on` are the substrates that play a stimulus.
"""

from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
import numpy as np

from ..models import stimulus as st
from ..models.neuron import LIF
from .tables import Ampere, Hertz, PositiveReal, Second, Table, Volt

SubstrateName = Literal["theory", "reference", "rtl", "spice"]


class _StimulusTable(Table, kw_only=True, tag_field="kind", frozen=True):
    name: str
    on: tuple[SubstrateName, ...] = ("theory", "reference", "rtl", "spice")


class SweepTable(Table, rename={"start": "from", "stop": "to"}, frozen=True):
    """Equally spaced drives."""

    start: Volt
    stop: Volt
    count: Annotated[int, msgspec.Meta(ge=2)]


class ConstantTable(_StimulusTable, tag="constant current", frozen=True):
    """Constant drives: ``mu`` (R I) and a ``sweep`` of them, or ``current``."""

    mu: tuple[Volt, ...] = ()
    sweep: SweepTable | None = None
    current: tuple[Ampere, ...] = ()


class WhiteNoiseTable(_StimulusTable, tag="white noise", frozen=True):
    """Gaussian white noise in Brunel's convention."""

    mu: Volt
    sigma: Volt


class NoiseStepTable(_StimulusTable, tag="noise step", frozen=True):
    """White noise that changes at `at`: `mu` and `sigma` before and after it; many trials."""

    mu: tuple[Volt, Volt]
    sigma: tuple[Volt, Volt]
    at: Second
    duration: Second
    bin: Second


class PoissonTable(_StimulusTable, tag="poisson", frozen=True):
    """Poisson synapses."""

    rates: tuple[Hertz, ...]
    weights: tuple[Volt, ...]
    mu: Volt = Volt(0.0)


class SynapsesTable(_StimulusTable, kw_only=True, tag="poisson synapses", frozen=True):
    """Poisson events into the DPI synapses of a transistor neuron."""

    rates: tuple[Hertz, ...]
    weights: tuple[Volt, ...]
    tau_s: Second
    mu: Volt = Volt(0.0)
    on: tuple[Literal["spice"], ...] = ("spice",)


class OpenSynapseTable(_StimulusTable, kw_only=True, tag="open synapse", frozen=True):
    """Constant drives beside a conductance synapse that a regular train of pulses keeps open."""

    rate: Hertz
    conductance: PositiveReal
    tau_s: Second
    v_rev: Volt
    mu: tuple[Volt, ...]
    on: tuple[Literal["spice"], ...] = ("spice",)


class SpikesTable(_StimulusTable, tag="input spikes", frozen=True):
    """Given input spikes, pulses of drive.

    `published` lists the output spikes, in time steps, that others found; `expect` names the one
    of them that a substrate must give.
    """

    times: tuple[Second, ...]
    amplitude: Volt
    width: Second
    duration: Second
    published: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)
    expect: dict[SubstrateName, str] = msgspec.field(default_factory=dict)


class RecordedTable(_StimulusTable, tag="recorded current", frozen=True):
    """A recorded current from ``.npz`` (arrays t, i) or CSV (columns t, i), in SI units."""

    file: str
    sweep: int = 0
    start: Second = Second(0.0)
    stop: Second | None = None


StimulusTable = (
    ConstantTable
    | WhiteNoiseTable
    | NoiseStepTable
    | PoissonTable
    | SynapsesTable
    | OpenSynapseTable
    | SpikesTable
    | RecordedTable
)
STIMULUS_TABLES = {str(table.__struct_config__.tag): table for table in get_args(StimulusTable)}


def _recorded(table: RecordedTable, folder: Path) -> st.RecordedCurrent:
    file = Path(table.file) if Path(table.file).is_absolute() else folder / table.file
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                t, i = np.asarray(arrays["t"], float), np.asarray(arrays["i"], float)
        elif file.suffix == ".csv":
            columns = np.genfromtxt(file, delimiter=",", names=True)
            t, i = np.asarray(columns["t"], float), np.asarray(columns["i"], float)
        else:
            raise ValueError("must end in .npz or .csv")
        if i.ndim == 2:
            i = i[table.sweep]
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise ValueError(f"file = {table.file!r} (arrays t and i are wanted): {error}") from None
    stop = t[-1] if table.stop is None else table.stop
    keep = (t >= table.start) & (t <= stop)
    return st.RecordedCurrent(t[keep], i[keep])


def make_stimulus(table: StimulusTable, neuron: LIF, folder: Path) -> st.Stimulus:
    """The stimulus that a table of a file in `folder` describes.

    Raises
    ------
    TypeError, ValueError
        With the name, the value and what is allowed.
    """
    match table:
        case ConstantTable():
            drives = tuple(map(float, table.mu))
            if (sweep := table.sweep) is not None:
                step = (sweep.stop - sweep.start) / (sweep.count - 1)
                drives += tuple(sweep.start + k * step for k in range(sweep.count))
            if bool(drives) == bool(table.current):
                raise ValueError("give either mu (or sweep) or current")
            return st.Constant(drives or tuple(i * neuron.resistance for i in table.current))
        case WhiteNoiseTable():
            return st.WhiteNoise(table.mu, table.sigma)
        case NoiseStepTable():
            before, after = map(st.WhiteNoise, table.mu, table.sigma)
            return st.NoiseStep(before, after, table.at, table.duration, table.bin)
        case PoissonTable():
            return st.Poisson(table.rates, table.weights, table.mu)
        case SynapsesTable():
            return st.PoissonSynapses(table.rates, table.weights, table.tau_s, table.mu)
        case OpenSynapseTable():
            return st.OpenSynapse(
                table.rate, table.conductance, table.tau_s, table.v_rev, tuple(map(float, table.mu))
            )
        case SpikesTable():
            return st.InputSpikes(table.times, table.amplitude, table.width, table.duration)
        case RecordedTable():
            if neuron.c_m is None:
                raise ValueError("a recorded current needs c_m in [neuron]")
            return _recorded(table, folder)


def others(item: StimulusTable) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """What others published for a stimulus, and whom each substrate must match."""
    if not isinstance(item, SpikesTable):
        return {}, {}
    return item.published, {str(substrate): name for substrate, name in item.expect.items()}
