"""TrueNorth's golden vectors: what they hold, and which faults of a model they find."""

from pathlib import Path

import numpy as np
import pytest

from rheobase.cosim.vectors.case import Case
from rheobase.cosim.vectors.file import read
from rheobase.models.integer.truenorth import TrueNorth
from tests.naive_truenorth import FAULTS, FILES, Update, faulty, naive

FOLDER = Path(__file__).parents[1] / "vectors"
CASES = {name: read(FOLDER / f"truenorth_{name}.json") for name in FILES}
STEPS_AND_SPIKES = {
    "ranc_sim": (7_950, 3_150),
    "ranc_rtl9": (3_900, 1_250),
    "paibox": (12_098, 4_807),
}


def reproduced(case: Case, update: Update) -> bool:
    """Whether `update` gives every recorded number."""
    assert isinstance(case.neuron, TrueNorth)
    v = case.state.get("v", 0)
    for t, i in enumerate(case.inputs["i"].tolist()):
        spike, v_pre, v = update(case.neuron, v, i, 0)
        got = {"spike": spike, "v_pre": v_pre, "v": v}
        if any(got[field] != recorded[t] for field, recorded in case.expected.values()):
            return False
    return True


def files_that_find(update: Update) -> set[str]:
    """Files with a vector that `update` does not reproduce."""
    return {
        name for name, cases in CASES.items() if not all(reproduced(each, update) for each in cases)
    }


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_step_and_spike_is_read(name: str) -> None:
    spikes = np.concatenate([case.expected["s"][1] for case in CASES[name]])
    assert (spikes.size, spikes.sum()) == STEPS_AND_SPIKES[name]


def test_the_naive_interpreter_reproduces_the_vectors() -> None:
    assert files_that_find(naive) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_the_vectors_that_reach_it(fault: str) -> None:
    assert files_that_find(faulty(fault)) == FAULTS[fault][2]
