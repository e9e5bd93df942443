"""The neuron's core agrees with theory."""

import pytest


@pytest.mark.rheobase("experiment.toml")
def test_core_agrees_with_theory():
    pass


def test_every_check_is_made(rheobase_verify):
    run = rheobase_verify("experiment.toml")
    assert {check.verdict(run.error_rate) for check in run.findings.checks} == {"agree"}
