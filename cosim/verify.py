"""The main job: run experiments on their substrates and judge what was found."""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..analog import ngspice
from .budget import Verdict, overall, point_error_rate
from .experiment import Experiment
from .findings import Findings
from .substrates import reference, rtl, spice, theory

CONFIDENCE = 0.999

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """Experiments, what was found and the verdict on the whole."""

    experiments: list[Experiment]
    findings: Findings
    confidence: float
    seconds: float

    @property
    def error_rate(self) -> float:
        """False-alarm probability of one statistical point."""
        return point_error_rate(self.findings.checks, self.confidence)

    @property
    def verdict(self) -> Verdict:
        """``agree`` only if every check agrees."""
        return overall(self.findings.checks, self.confidence)


def _digital(experiment: Experiment, verilog: Path | None, progress: Progress) -> Findings:
    findings = Findings()
    findings.add(theory.run(experiment, progress))
    if experiment.reference is not None:
        findings.add(reference.run(experiment, progress))
    if experiment.rtl is not None:
        findings.add(rtl.run(experiment, progress, verilog))
    return findings


def verify(
    experiments: list[Experiment],
    progress: Progress,
    verilog: Path | None = None,
    confidence: float = CONFIDENCE,
) -> Run:
    """Run experiments and judge them.

    Parameters
    ----------
    experiments : list of Experiment
    progress : callable
        Called with a line of text whenever a piece of work begins.
    verilog : Path, optional
        A Verilog file with the ports of the generated core, to be judged in its place.
    confidence : float
        Probability that a run without faults raises no alarm.

    Raises
    ------
    ValueError
        An experiment asks for what no substrate can play.
    """
    started = time.monotonic()
    findings = Findings()
    with ThreadPoolExecutor(1) as pool:  # SPICE waits for its processes while the rest computes
        analog = [pool.submit(spice.run, e, progress) for e in experiments if e.spice is not None]
        try:
            digital = [_digital(e, verilog, progress) for e in experiments]
            for experiment, found in zip(experiments, digital, strict=True):
                findings.add(found)
                if experiment.spice is not None:
                    findings.add(analog.pop(0).result())
        except BaseException:
            for future in analog:
                future.cancel()
            ngspice.close()
            raise
    return Run(experiments, findings, confidence, time.monotonic() - started)


@contextlib.contextmanager
def show_progress(quiet: bool = False) -> Iterator[Progress]:
    """A spinner on standard error that names the piece of work at hand."""
    if quiet:
        yield lambda text: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("starting") as status:

        def progress(text: str) -> None:
            status.update(text)
            if not console.is_terminal:
                console.print(text, highlight=False)

        yield progress
