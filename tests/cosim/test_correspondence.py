"""Proofs that a mutant is no fault: for bits that nobody reads, and for no others."""

import re
from pathlib import Path

import pytest

from rheobase.cosim import correspondence, mutation

CIRCUIT = """
module top(input clk, input rst, input go, input [1:0] a, output [1:0] y, output last);
  reg [3:0] held;  // of which two bits are never read, and hold themselves
  reg [1:0] store [0:3];
  reg [2:0] count;
  always @(posedge clk) begin
    if (go) held <= {~a, a};
    store[a] <= held[1:0];
    count <= count + 1'h1;
    if (rst) count <= 3'h0;
  end
  assign y = store[a] ^ {2{last}};
  assign last = count == 3'h7;
endmodule
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("circuit") / "top.v"
    path.write_text(CIRCUIT)
    return path


@pytest.fixture(scope="module")
def mutants(source: Path) -> list[str]:
    return [m for m in mutation.listed(source, "top", 300, 1) if "ctrlbit" not in m]


def test_mutants_of_bits_that_nobody_reads_are_proved(source: Path, mutants: list[str]) -> None:
    """Also where a register holds itself, so that each of its bits has a reader."""
    unread = [m for m in mutants if re.search(r"procdff\S+ -port [DQ] -portbit 3", m)]
    assert len(unread) >= 2
    for mutant in unread[:2]:
        assert correspondence.equivalent(source, "top", mutant), mutant


def test_faults_are_not_proved(source: Path, mutants: list[str]) -> None:
    """Nor one of a counter, whose bits differ and make an output differ later."""
    faults = [m for m in mutants if re.search(r"inv .*(-port [DQ] -portbit 1|WR_DATA|\$add)", m)]
    assert len(faults) >= 3
    for mutant in faults[::2][:3]:
        assert not correspondence.equivalent(source, "top", mutant), mutant
