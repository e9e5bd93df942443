"""Unit strings."""

import re

import pytest

from rheobase.models.units import parse, show, unit_of


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("20 ms", "s", 0.02),
        ("0.1ms", "s", 1e-4),
        ("-1.5e1 nA", "A", -15e-9),
        ("2 pF", "F", 2e-12),
        ("3 µV", "V", 3e-6),
        ("3 uV", "V", 3e-6),
        ("20 kHz", "Hz", 2e4),
        (".5 V", "V", 0.5),
    ],
)
def test_parse_is_correctly_rounded(text: str, unit: str, value: float) -> None:
    assert parse(text, unit) == value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("20 mV", "'20 mV' is a voltage: write a time such as \"2.5 ms\""),
        ("20", "'20' is not a quantity"),
        ("20 parsec", "is not a quantity"),
        ("nan s", "is not a quantity"),
    ],
)
def test_parse_refuses_other_dimensions(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=re.escape(error)):
        parse(text, "s")


def test_the_unit_is_named_without_its_prefix() -> None:
    assert [unit_of(text) for text in ("20 ms", "0.1 kHz", "3 V")] == ["s", "Hz", "V"]
    with pytest.raises(ValueError, match="'20' is not a quantity"):
        unit_of("20")


def test_parse_refuses_bare_numbers() -> None:
    with pytest.raises(TypeError, match=re.escape("3.0 has no unit: write a time")):
        parse(3.0, "s")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2e-8, "A", "20 nA"),
        (999.999e-9, "A", "1 µA"),
        (999.9e-9, "A", "999.9 nA"),
        (-1.25e-5, "V", "-12.5 µV"),
        (0.0, "V", "0 V"),
        (1e-21, "A", "0.001 aA"),
        (47.3, "Hz", "47.3 Hz"),
    ],
)
def test_show(value: float, unit: str, text: str) -> None:
    assert show(value, unit) == text


def test_show_and_parse_are_inverse() -> None:
    for exponent in range(-17, 12):
        value = 1.234 * 10.0**exponent
        assert parse(show(value, "V"), "V") == pytest.approx(value, rel=1e-15)
