"""Open process design kits: their folders, found through ``PDK_ROOT``, as technologies.

A kit may lie as open_pdks installs it, ``$PDK_ROOT/<variant>/libs.tech/ngspice``, where ``PDK``
names the variant if there are several, or flat: its files in ``$PDK_ROOT`` itself.

GF180MCU (google/globalfoundries-pdk-libs-gf180mcu_fd_pr@9f992d5): the 3.3 V transistors, called
``nmos_3p3`` or, since 2023, ``nfet_03v3``. As the kit loads them they mismatch at random in every
run; here they do so only with a seed. SKY130 (google/skywater-pdk-libs-sky130_fd_pr): the 1.8 V
transistors; its lengths are in micrometres. Not tested: nobody has run this adapter on the kit.
"""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .technology import Technology, generic180

# 1/f noise, which no transient has; a library without its noise section lacks these.
_GF180_NOISE = (
    ".param fnoicor=0 nmos_3p3_noia=3.2e41 nmos_3p3_noib=1.2e20 nmos_3p3_noic=6e8"
    " pmos_3p3_noia=3.2e41 pmos_3p3_noib=1.8e20 pmos_3p3_noic=3e9"
)


def folders(variants: str) -> list[Path]:
    """Where the files of a kit may be; `variants` is a glob of its folder's name.

    Raises
    ------
    ValueError
        ``PDK_ROOT`` is not set or no folder.
    """
    root = os.environ.get("PDK_ROOT")
    if not root:
        raise ValueError("PDK_ROOT is not set: it must name the folder of a process design kit")
    if not Path(root).is_dir():
        raise ValueError(f"PDK_ROOT must name a folder, not {root!r}")
    base = Path(root).resolve()
    named = sorted(base.glob(variants))
    if chosen := os.environ.get("PDK"):
        named = [folder for folder in named if folder.name == chosen] or named
    return [base, *(folder / "libs.tech" / "ngspice" for folder in named)]


def gf180mcu() -> Technology:
    """GlobalFoundries' 180 nm, 3.3 V transistors.

    Raises
    ------
    ValueError
        ``PDK_ROOT`` does not lead to it.
    """
    for folder in folders("gf180mcu*"):
        switches = folder / "design.ngspice"
        for library in (folder / "sm141064.ngspice", folder / "gf180_3p3_all.lib"):
            if not (switches.is_file() and library.is_file()):
                continue
            text = library.read_text(encoding="utf-8", errors="replace")
            new = re.search(r"(?im)^\.subckt\s+nfet_03v3\b", text)
            if not new and not re.search(r"(?im)^\.subckt\s+nmos_3p3\b", text):
                raise ValueError(f"{library} has neither the transistor nfet_03v3 nor nmos_3p3")
            lacking = not re.search(r"_noia\s*=", text)
            return Technology(
                name="gf180mcu",
                lines=(
                    f'.include "{switches}"',
                    *((_GF180_NOISE,) if lacking else ()),
                    f'.lib "{library}" {{corner}}',
                    ".param sw_stat_global=0 sw_stat_mismatch={mismatch}",
                ),
                corners=("typical", "ff", "ss", "fs", "sf"),
                nmos="nfet_03v3" if new else "nmos_3p3",
                pmos="pfet_03v3" if new else "pmos_3p3",
                supply=3.3,
                l_min=0.28e-6,
                w_min=0.22e-6,
                diffusion=0.5e-6,
            )
    raise ValueError(_missing("gf180mcu", "design.ngspice and sm141064.ngspice"))


def sky130() -> Technology:
    """SkyWater's 130 nm, 1.8 V transistors; not tested.

    Raises
    ------
    ValueError
        ``PDK_ROOT`` does not lead to it.
    """
    for folder in folders("sky130*"):
        library = folder / "sky130.lib.spice"
        if library.is_file():
            return Technology(
                name="sky130",
                lines=(
                    f'.lib "{library}" {{corner}}',
                    ".param MC_MM_SWITCH={mismatch}",
                    ".options scale=1e-6",
                ),
                corners=("tt", "ff", "ss", "fs", "sf"),
                nmos="sky130_fd_pr__nfet_01v8",
                pmos="sky130_fd_pr__pfet_01v8",
                supply=1.8,
                l_min=0.15e-6,
                w_min=0.42e-6,
                diffusion=0.29e-6,
                length_unit=1e-6,
            )
    raise ValueError(_missing("sky130", "sky130.lib.spice"))


def _missing(name: str, files: str) -> str:
    return (
        f"PDK_ROOT={os.environ['PDK_ROOT']} holds no {name}: {files} must be in it"
        f" or in {name}*/libs.tech/ngspice below it"
    )


KITS: dict[str, Callable[[], Technology]] = {"gf180mcu": gf180mcu, "sky130": sky130}


def named(name: str, corner: str = "", temperature: float = 27.0) -> Technology:
    """A technology by its name: "generic180" or one of `KITS`.

    Raises
    ------
    ValueError
        The name or the corner does not exist, or ``PDK_ROOT`` does not lead to the kit.
    """
    if name != generic180.name and name not in KITS:
        known = ", ".join(map(repr, (generic180.name, *KITS)))
        raise ValueError(f"technology must be one of {known}, not {name!r}")
    technology = generic180 if name == generic180.name else KITS[name]()
    return replace(technology, corner=corner or technology.corner, temperature=temperature)
