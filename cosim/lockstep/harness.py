"""The Verilog module around the core: its clock and reset, the log, and what the master looks at.

All that happens on a wire is written down by Verilog itself: a callback into cocotb for each would
cost about as much as a grant. The master reads the log on as it grows; events of one time are in no
order. The chip's time begins with the rising edge of the clock that ends the reset. ``pending`` is
for the master: a bit for each analog neuron, from its spike to the end of the acknowledge.

Icarus and Verilator do the same with it. Verilator would carry out a nonblocking assignment of an
initial block at once, and keep but one value on its way in ``a <= #delay b``: there are none.
"""

from amaranth.hdl import Shape
from amaranth.lib.wiring import In

from .system import System

NAME, CORE = "lockstep", "mixed_core"
RESET = 4  # clocks


def verilog(system: System) -> str:
    """The module `NAME` around `CORE`; it writes ``events.csv`` and ``rtl.vcd``."""
    circuit = system.circuit()
    ports = {
        "__".join(map(str, path)): (member.flow, Shape.cast(member.shape).width - 1)
        for path, member, _ in circuit.signature.flatten(circuit)
    }
    declared = "\n".join(
        f"  reg [{high}:0] {name} = 0;" if flow == In else f"  wire [{high}:0] {name};"
        for name, (flow, high) in ports.items()
    )
    joined = ", ".join(f".{name}({name})" for name in ("clk", "rst", *ports))
    begin = (2 * RESET - 1) * system.clock // 2
    return f"""`timescale 1ps/1ps
module {NAME};
  reg clk = 0;
  reg [{RESET}:1] resetting = -1;
  wire rst = resetting[{RESET}];
{declared}
  {CORE} core({joined});
  always #{system.clock // 2} clk = ~clk;
  always @(posedge clk) resetting <= resetting << 1;

  integer log;
  initial begin
    log = $fopen("events.csv");
    $dumpfile("rtl.vcd");
    $dumpvars(1, core, core.requests);
  end
  task note(input [8*11:1] kind, input integer number, input level);
    if (!rst) begin
      $fdisplay(log, "%0d,%0s,%0d,%0d", $time - {begin}, kind, number, level);
      $fflush(log);
    end
  endtask
  always @(arrival) note("arrival", arrival[{ports["arrival"][1] - 1}:0], 1);
  always @(spike) note("spike", spike[{ports["spike"][1] - 1}:0], 1);

  reg [{system.neurons - 1}:0] pending = 0;
  genvar k;
  for (k = 0; k < {system.neurons}; k = k + 1) begin : neuron
    always @(spikes[k]) note("analog", k, spikes[k]);
    always @(posedge acknowledge[k]) note("acknowledge", k, 1);
    always @(posedge spikes[k]) pending[k] = 1;
    always @(negedge acknowledge[k]) pending[k] = 0;
  end
  for (k = 0; k < {system.synapses}; k = k + 1) begin : synapse
    always @(announced[k]) note("announced", k, announced[k]);
    always @(pulses[k]) note("pulse", k, pulses[k]);
  end
endmodule
"""
