"""The test bench that is delivered with a circuit: Verilog-2005 that checks itself.

It replays a recorded run of the integer model from a file of vectors, compares all that comes out,
and prints one line, ``PASS: ...`` or ``FAIL: ...`` with the number of mismatches and the first one.
A datapath gets an update in every clock. A core's streams have gaps and stalls, the same in every
run: a linear feedback shift register says when. Nothing that came too late, too often or never goes
unseen: a bench that waits for `PATIENCE` clocks without a transfer counts what is missing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib.data import StructLayout
from numpy.typing import NDArray

from ..models.integer.kind import Fields, IntegerNeuron
from . import recorded
from .core import Core
from .neuron_core import NeuronCore
from .pipeline import Pipeline
from .words import packed, to_numbers

PATIENCE = 1000  # clocks; more for cores whose ticks take longer


class Bench(NamedTuple):
    """Files by their names, the source first; and what they check, in words."""

    files: dict[str, str]
    checks: str


def of_datapath(pipeline: Pipeline, name: str, neurons: Sequence[IntegerNeuron]) -> Bench:
    """The bench of a datapath: a recorded run of `neurons`, which have its modes."""
    run = recorded.datapath_run(neurons)
    given, wanted = (
        _packed(fields, columns)
        for fields, columns in ((pipeline.takes, run.given), (pipeline.gives, run.wanted))
    )
    inputs, outputs = _slices(pipeline.takes), _slices(pipeline.gives)
    connected = [f".i_{field}(given{part})" for field, part in inputs.items()]
    connected += [f".o_{field}(got{part})" for field, part in outputs.items()]
    longest = max(len(field) for field in outputs)
    widest = max(field.width for field in pipeline.gives.values())
    compare = ""
    for field, part in outputs.items():
        unused = widest - pipeline.gives[field].width
        both = [
            f"{{{unused}'d0, {word}{part}}}" if unused else f"{word}{part}"
            for word in ("wanted", "got")
        ]
        compare += (
            f'      if (got{part} !== wanted{part}) mismatch("{field}", {", ".join(both)});\n'
        )
    in_width, out_width = _width(pipeline.takes), _width(pipeline.gives)
    source = f"""// Test bench of {name}, which checks itself: recorded updates, one per clock.
module {name}_tb;
  localparam UPDATES = {len(given)};
  localparam LATENCY = {pipeline.latency};
  reg clk = 0;
  reg [{in_width - 1}:0] given = 0;
  wire [{out_width - 1}:0] got;
  reg [{out_width - 1}:0] wanted;
  reg [{in_width - 1}:0] inputs [0:UPDATES-1];
  reg [{out_width - 1}:0] outputs [0:UPDATES-1];
  integer at = 0;
  integer mismatches = 0;

  {name} dut (
    .clk(clk), .rst(1'b0),
    {_lines(connected, 4)}
  );

  task mismatch;
    input [{8 * longest - 1}:0] field;
    input [{widest - 1}:0] expected;
    input [{widest - 1}:0] found;
    begin
      if (mismatches == 0)
        $display("update %0d: %0s is %h, not %h", at - LATENCY - 1, field, found, expected);
      mismatches = mismatches + 1;
    end
  endtask

  initial begin
    $readmemh("{name}_tb_in.hex", inputs);
    $readmemh("{name}_tb_out.hex", outputs);
  end

  always #5 clk = ~clk;

  // What was given at clock k is in the registers of the inputs at k + 1, and out LATENCY later.
  always @(posedge clk) begin
    given <= inputs[at < UPDATES ? at : 0];
    if (at > LATENCY) begin
      wanted = outputs[at - LATENCY - 1];
{compare}    end
    at = at + 1;
    if (at > UPDATES + LATENCY) begin
      if (mismatches == 0) $display("PASS: %0d updates", UPDATES);
      else $display("FAIL: %0d mismatches in %0d updates", mismatches, UPDATES);
      $finish;
    end
  end
endmodule
"""
    files = {
        f"{name}_tb.v": source,
        f"{name}_tb_in.hex": _hex(given),
        f"{name}_tb_out.hex": _hex(wanted),
    }
    return Bench(files, f"{len(given)} updates of {len(neurons)} neurons, every state and output")


def of_neuron_core(core: NeuronCore, name: str) -> Bench:
    """The bench of a neuron core."""
    given, spikes = recorded.core_run(core.neurons, core.n, core.seed)
    rows = {field: values.ravel() for field, values in given.items()}
    arrivals = _words(core.i.payload.shape(), rows)
    return _of_streams(core, name, arrivals, _events(core, spikes), {}, PATIENCE + 10 * core.n)


def of_network_core(core: Core, name: str) -> Bench:
    """The bench of a network core, on the contents of its memories."""
    network = core.network
    given, spikes, saturated = recorded.network_run(network, core.events)
    ends = np.searchsorted(given.ticks, np.arange(spikes.steps), side="right")
    axons = np.insert(given.axons, ends, 0)
    end = np.zeros(axons.size, np.int64)
    end[ends + np.arange(spikes.steps)] = 1
    arrivals = _words(core.i.payload.shape(), {"axon": axons, "end": end})
    longest = len(core.contents["weights"])
    patience = PATIENCE + 10 * (network.n + core.accumulators.places) + 2 * longest
    counters = {"dropped": 0, "saturated": saturated}
    return _of_streams(core, name, arrivals, _events(core, spikes), counters, patience)


def _events(core: NeuronCore | Core, spikes: recorded.Events) -> list[int]:
    """The event words that a core gives: spikes, and the end of each step."""
    n = core.n if isinstance(core, NeuronCore) else core.network.n
    at = np.concatenate([spikes.at * n + spikes.ids, np.arange(1, spikes.steps + 1) * n - 1])
    fired = np.concatenate([np.ones(spikes.at.size, np.int64), np.zeros(spikes.steps, np.int64)])
    places, first = np.unique(at, return_index=True)  # of two at one place the spike comes first
    columns = {"addr": places % n, "spike": fired[first], "last": (places % n == n - 1) * 1}
    return _words(core.o.payload.shape(), columns)


def _of_streams(
    core: NeuronCore | Core,
    name: str,
    arrivals: Sequence[int],
    events: Sequence[int],
    counters: Mapping[str, int],
    patience: int,
) -> Bench:
    """A bench that offers `arrivals`, expects `events`, and then looks at counters."""
    in_width, out_width = core.i.payload.shape().size, core.o.payload.shape().size
    connected = [
        f".{port}({port})"
        for port in (
            "clk",
            "rst",
            *(f"{s}__{p}" for s in "io" for p in ("valid", "ready", "payload")),
        )
    ]
    connected += [f".{counter}({counter})" for counter in counters]
    connected += [".pending()"] if isinstance(core, Core) else []
    connected += [
        f".{port}__{member}({Shape.cast(shape.shape).width}'d0)"
        for port, signature in core.signature.members.items()
        if port.startswith("write_")
        for member, shape in signature.signature.members.items()
        if Shape.cast(shape.shape).width
    ]
    declared = "".join(f"  wire [31:0] {counter};\n" for counter in counters)
    looked = "".join(
        f"    if ({counter} !== {wanted}) begin\n"
        f'      if (mismatches == 0) $display("{counter} is %0d, not {wanted}", {counter});\n'
        f"      mismatches = mismatches + 1;\n    end\n"
        for counter, wanted in counters.items()
    )
    source = f"""// Test bench of {name}, which checks itself: a recorded run, with gaps and stalls.
module {name}_tb;
  localparam ARRIVALS = {len(arrivals)};
  localparam EVENTS = {len(events)};
  localparam SETTLE = 64;  // clocks after the last event, for any that should not come
  localparam PATIENCE = {patience};  // clocks without a transfer, after which the core hangs
  reg clk = 0;
  reg rst = 1;
  reg i__valid = 0;
  wire i__ready;
  reg [{in_width - 1}:0] i__payload = 0;
  wire o__valid;
  reg o__ready = 0;
  wire [{out_width - 1}:0] o__payload;
{declared}  reg [{in_width - 1}:0] arrivals [0:ARRIVALS-1];
  reg [{out_width - 1}:0] events [0:EVENTS-1];
  reg [31:0] noise = 32'h1;
  integer clocks = 0;
  integer sent = 0;
  integer got = 0;
  integer idle = 0;
  integer mismatches = 0;

  {name} dut (
    {_lines(connected, 4)}
  );

  initial begin
    $readmemh("{name}_tb_in.hex", arrivals);
    $readmemh("{name}_tb_out.hex", events);
  end

  always #5 clk = ~clk;

  task finish;
    begin
      if (got < EVENTS) begin
        if (mismatches == 0)
          $display("event %0d is missing: %h", got, events[got]);
        mismatches = mismatches + EVENTS - got;
      end
{_indented(looked, 2)}      if (mismatches == 0) $display("PASS: %0d events", EVENTS);
      else $display("FAIL: %0d mismatches in %0d events", mismatches, EVENTS);
      $finish;
    end
  endtask

  // What is read here are the values before the edge: they decide which transfers it completes.
  always @(posedge clk) begin
    noise <= {{noise[30:0], noise[31] ^ noise[21] ^ noise[1] ^ noise[0]}};
    clocks = clocks + 1;
    rst <= clocks < 3;
    if (!rst) begin
      idle = idle + 1;
      if (i__valid && i__ready) begin
        sent = sent + 1;
        idle = 0;
      end
      if (!i__valid || i__ready) begin
        i__valid <= sent < ARRIVALS && (noise[0] || noise[3]);
        i__payload <= arrivals[sent < ARRIVALS ? sent : 0];
      end
      o__ready <= noise[7] || noise[12];
      if (o__valid && o__ready) begin
        if (got >= EVENTS || o__payload !== events[got < EVENTS ? got : 0]) begin
          if (mismatches == 0 && got < EVENTS)
            $display("event %0d is %h, not %h", got, o__payload, events[got]);
          if (mismatches == 0 && got >= EVENTS)
            $display("event %0d, %h, is one too many", got, o__payload);
          mismatches = mismatches + 1;
        end
        got = got + 1;
        idle = 0;
      end
      if (idle == PATIENCE || (sent == ARRIVALS && got >= EVENTS && idle == SETTLE)) finish;
    end
  end
endmodule
"""
    files = {
        f"{name}_tb.v": source,
        f"{name}_tb_in.hex": _hex(arrivals),
        f"{name}_tb_out.hex": _hex(events),
    }
    return Bench(files, f"{len(arrivals)} arrivals, every one of {len(events)} events")


def _slices(fields: Fields) -> dict[str, str]:
    """The bits of each field in a word, the first lowest."""
    parts, at = {}, 0
    for name, field in fields.items():
        parts[name] = f"[{at + field.width - 1}:{at}]"
        at += field.width
    return parts


def _width(fields: Fields) -> int:
    return sum(field.width for field in fields.values())


def _packed(fields: Fields, columns: Mapping[str, NDArray[np.int64]]) -> list[int]:
    """The words of updates."""
    total, at = np.zeros(next(iter(columns.values())).size, object), 0
    for name, field in fields.items():
        total |= (columns[name].astype(object) & ((1 << field.width) - 1)) << at
        at += field.width
    return [int(word) for word in total]


def _words(layout: StructLayout, columns: Mapping[str, NDArray[np.int64]]) -> list[int]:
    """The words of a stream."""
    return to_numbers(packed(layout, columns))


def _hex(words: Sequence[int]) -> str:
    return "".join(f"{word:x}\n" for word in words)


def _lines(parts: Sequence[str], indent: int) -> str:
    return (",\n" + " " * indent).join(parts)


def _indented(text: str, indent: int) -> str:
    return "".join(" " * indent + line for line in text.splitlines(keepends=True))
