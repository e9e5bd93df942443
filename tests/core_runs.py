"""In what a core differs from the model, and random pauses of its streams."""

from typing import Any

import numpy as np

from rheobase.cosim.engines.network import CoreNetworkRun
from rheobase.models.integer.network import NetworkRun


def differences(wanted: NetworkRun, got: CoreNetworkRun, dropped: int = 0) -> list[str]:
    """In what a core differs from the model."""
    same = {name: np.array_equal(wanted.recorded[name], got.recorded[name])
            for name in wanted.recorded}  # fmt: skip
    same["spikes"] = all(map(np.array_equal, wanted.spikes, got.spikes))
    same["saturated"] = wanted.saturated == got.saturated
    same["dropped"] = dropped == got.dropped
    return [name for name, equal in same.items() if not equal] + list(got.violations)


def stalls(seed: int) -> dict[str, Any]:
    """Random pauses of both streams."""
    rng = np.random.default_rng(seed)
    return {"valid_pattern": rng.random(4099) < 0.7, "ready_pattern": rng.random(4093) < 0.5}
