"""The neuron's core agrees with theory, and is as good as this project needs it."""

import pytest


@pytest.mark.rheobase("experiment.toml")
def test_core_agrees_with_theory():
    pass


def test_the_time_step_of_the_core_costs_less_than_3_percent_of_the_rate(rheobase_verify):
    run = rheobase_verify("experiment.toml")
    rates = {c.substrate: c.points for c in run.findings.checks if c.observable == "rate"}
    for core, floating_point in zip(rates["rtl"], rates["reference"], strict=True):
        assert core.measured == pytest.approx(floating_point.measured, rel=0.03)
