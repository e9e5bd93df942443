"""Proofs that a mutant is no fault: where it cannot show, and nowhere else."""

import re
from pathlib import Path

import pytest

from rheobase.cosim import correspondence, mutation

CIRCUIT = """
module top(
  input clk, input rst, input go, input [1:0] a,
  output [1:0] y, output last, output [1:0] z, output turn, output [1:0] w
);
  reg [3:0] held = 4'h9;  // of which two bits are never read, and hold themselves
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

  reg valid_1, valid_2;  // whether anybody reads what comes with them
  reg [1:0] data_1, data_2;
  always @(posedge clk) begin
    valid_1 <= go & ~rst;
    valid_2 <= valid_1 & ~rst;
    data_1 <= go ? a : 2'h0;
    data_2 <= data_1;
  end
  assign z = valid_2 ? data_2 : 2'h0;

  reg [2:0] ring;  // 0 .. 4, while any number of three bits would fit
  always @(posedge clk) begin
    if (rst | (ring == 3'h4)) ring <= 3'h0;
    else if (go) ring <= ring + 3'h1;
  end
  assign turn = ring >= 3'h3;

  reg [1:0] words [0:3];
  reg [1:0] word;
  always @(posedge clk) begin
    if (go) words[a] <= ~a;
    word <= words[valid_1 ? data_1 : 2'h0];  // read in each clock, used after some
  end
  assign w = valid_2 ? word : 2'h0;
endmodule
"""
COUNT, DATA, RING, TURN, WORD = (
    1 + CIRCUIT[: CIRCUIT.index(text)].count("\n")  # its line
    for text in ("count <= count", "data_1 <= go", "if (rst | (ring", "assign turn", "word <=")
)
# No faults: bits that nobody reads, though registers hold themselves; data that come without their
# valid; states that are never reached; another address of what is read, but not used.
NONE = (
    r"procdff\S+ -port [DQ] -portbit 3",
    rf"const1 .*\$ternary\$core.v:{DATA}\S+ -port A -portbit [01]",
    rf"const0 .*\$eq\$core.v:{RING}\S+ -port A -portbit [01]",
    rf"const1 .*\$ternary\$core.v:{WORD}\S+ -port A -portbit [01]",
)
# Their neighbours; other registers, which differ and make an output differ later; a memory.
FAULTS = (
    r"inv .*\$procdff\S+ -port [DQ] -portbit 0",
    r"inv .*\$proc_memwr\S+ -port (DATA|ADDR) -portbit 1",
    rf"inv .*\$add\$core.v:{COUNT}\S+ -port Y -portbit [0-2]",
    rf"const1 .*\$ternary\$core.v:{DATA}\S+ -port B -portbit [01]",
    rf"const0 .*\$eq\$core.v:{RING}\S+ -port A -portbit 2",
    rf"const0 .*\$ge\$core.v:{TURN}\S+ -port A -portbit [01]",
    rf"const1 .*\$ternary\$core.v:{WORD}\S+ -port [BY] -portbit [01]",
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("circuit") / "top.v"
    path.write_text(CIRCUIT)
    return path


@pytest.fixture(scope="module")
def mutants(source: Path) -> list[str]:
    return [m for m in mutation.listed(source, "top", 2000, 1) if "ctrlbit" not in m]


@pytest.mark.parametrize("pattern", NONE)
def test_mutants_that_cannot_show_are_proved(
    source: Path, mutants: list[str], pattern: str
) -> None:
    found = [mutant for mutant in mutants if re.search(pattern, mutant)]
    assert found
    for mutant in found[:2]:
        assert correspondence.equivalent(source, "top", mutant), mutant


@pytest.mark.parametrize("pattern", FAULTS)
def test_faults_are_not_proved(source: Path, mutants: list[str], pattern: str) -> None:
    found = [mutant for mutant in mutants if re.search(pattern, mutant)]
    assert found
    for mutant in found[::4][:2]:
        assert not correspondence.equivalent(source, "top", mutant), mutant
