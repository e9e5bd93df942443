"""The neurons that the tests share, designed once per process."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from rheobase.analog import pdk
from rheobase.analog.neurons.kinds import KINDS, Example
from rheobase.analog.technology import Technology, generic180

GF180 = Path(os.environ.get("RHEOBASE_SHARED", "")) / "pdk" / "gf180mcu"

Examples = Callable[[str], Example]


@cache
def _example(kind: str) -> Example:
    return KINDS[kind](generic180)


@pytest.fixture(scope="session")
def examples() -> Examples:
    """From a name in KINDS to the example in our own technology."""
    return _example


@pytest.fixture(params=["generic180", pytest.param("gf180mcu", marks=pytest.mark.needs_shared)])
def technology(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Technology:
    """One technology after the other."""
    if request.param == "generic180":
        return generic180
    monkeypatch.setenv("PDK_ROOT", str(GF180))
    return pdk.gf180mcu()
