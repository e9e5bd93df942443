"""What a file says of the substrates: ``[reference]``, ``[rtl]`` of any platform, ``[spice]``.

The schema is the classes below.
"""

from typing import Annotated, Any, Literal, get_args

import msgspec

from ..analog.pdk import named
from ..analog.technology import Technology, generic180
from ..models.integer.laws import Rounding
from .tables import Positive, PositiveReal, Second, Seed, Table, Volt


class ReferenceTable(Table, frozen=True):
    """``[reference]``: the floating-point simulation."""

    dt: Annotated[tuple[Second, ...], msgspec.Meta(min_length=1)]
    neurons: Positive = 256
    spikes: Positive = 20_000
    seed: Seed = 1


class RuleTable(Table, frozen=True):
    """``[rtl.rule]``: an integer rule stated outright instead of quantised from the neuron."""

    threshold: int
    leak_multiplier: int
    leak_bits: int
    gain: float
    v_reset: int = 0
    refractory: int = 0
    delay: Annotated[int, msgspec.Meta(ge=0)] = 0


class PlatformTable(Table, kw_only=True, tag_field="platform", frozen=True):
    """``[rtl]``: the integer core, of the neurons of a platform; options of all platforms."""

    dt: Annotated[tuple[Second, ...], msgspec.Meta(min_length=1)]
    neurons: Positive = 256
    spikes: Positive = 20_000
    seed: Annotated[int, msgspec.Meta(ge=1, lt=1 << 32)] = 1


class RtlTable(PlatformTable, tag="generic", kw_only=True, frozen=True):
    """The generic integer LIF.

    `widths` are played besides `width`, each with the range of voltages of `width`.
    """

    lsb: Volt
    width: int
    widths: tuple[int, ...] = ()
    leak: Literal["multiply", "shift"] = "multiply"
    leak_bits: int = 16
    rounding: Rounding = "nearest"
    input_width: int = 16
    icarus_steps: Annotated[int, msgspec.Meta(ge=0)] = 0
    rule: RuleTable | None = None


class LoihiTable(PlatformTable, tag="loihi", kw_only=True, frozen=True):
    """Loihi 1, with instantaneous synapses; the flavour is "nengo" with a t_ref, else "lava"."""

    lsb: Volt
    flavour: Literal["lava", "nengo"] | None = None


class TrueNorthTable(PlatformTable, tag="truenorth", kw_only=True, frozen=True):
    """TrueNorth; `mask_bits` random bits raise the threshold."""

    lsb: Volt
    width: int = 20
    mask_bits: int = 0


class SpiNNakerTable(PlatformTable, tag="spinnaker", kw_only=True, frozen=True):
    """SpiNNaker, with pulses of current; its LSB is 2**-15 mV."""

    rounding: Literal["floor", "nearest"] = "floor"


AnyRtlTable = RtlTable | LoihiTable | TrueNorthTable | SpiNNakerTable


class SpiceTable(Table, frozen=True):
    """``[spice]``: the transistor neuron.

    `technology` is "generic180" or a kit that ``PDK_ROOT`` leads to, "gf180mcu" or "sky130"; its
    typical corner unless `corner` names another; `celsius` is the chip's temperature. Gates are so
    large that mismatch gives rest and trip point, on the chip, the standard deviation `offset`; by
    default as small as speed wants. Of so many `chips` mismatch is drawn, at the first speed-up,
    and calibrated: see `rheobase.cosim.chips`.
    """

    speed_up: Annotated[tuple[PositiveReal, ...], msgspec.Meta(min_length=1)] = (1.0,)
    voltage_scale: PositiveReal = 1.0
    technology: str = generic180.name
    corner: str = ""
    celsius: float = generic180.temperature
    offset: Volt | None = None
    chips: Annotated[int, msgspec.Meta(ge=3)] | None = None
    dt: Second = Second(1e-4)
    spikes: Positive = 20
    seed: Seed = 1

    def process(self) -> Technology:
        """The technology at its corner and temperature."""
        return named(self.technology, self.corner, self.celsius)


PLATFORM_TABLES: dict[str, type[AnyRtlTable]] = {
    str(table.__struct_config__.tag): table for table in get_args(AnyRtlTable)
}


def platform_table(rtl: dict[str, Any]) -> tuple[dict[str, Any], type[AnyRtlTable]]:
    """An ``[rtl]`` with its platform named, and the schema of that platform."""
    platform = rtl.get("platform", "generic")
    if platform not in PLATFORM_TABLES:
        names = ", ".join(map(repr, PLATFORM_TABLES))
        raise ValueError(f"platform = {platform!r} must be one of {names} - at `$.rtl`")
    return {**rtl, "platform": platform}, PLATFORM_TABLES[platform]
