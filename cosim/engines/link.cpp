// Drives a CXXRTL model of rheobase's Link by the two wires of its line, behind a C interface.
//
// Compile with -DMODEL="file.cc" and -DSINGLE_EVAL=0|1. What comes in and what goes out are bytes;
// here they become bits, as a serial port makes them.
#include "single_eval.h"

#include MODEL
#include <cstdint>

#define EXPORT extern "C" __attribute__((visibility("default")))

struct Line {
    cxxrtl_design::p_link core;
    int64_t divisor;
    int64_t sent_bits = 0, sent_clock = 0;      // of the byte that goes in
    int64_t bits = 0, clock = 0, byte = 0;      // of the byte that comes out
};

EXPORT Line *start(int64_t divisor) {
    Line *line = new Line;
    line->divisor = divisor;
    line->core.p_rx.set(true);
    for (int k = 0; k < 3; k++) {
        line->core.p_rst.set(k < 2);
        line->core.p_clk.set(false);
        line->core.step();
        line->core.p_clk.set(true);
        line->core.step();
    }
    return line;
}

EXPORT void stop(Line *line) { delete line; }

// Run for a number of clocks, or until `capacity` bytes came out; returns how many did. `sent` of the
// `n` bytes of `in` are through.
EXPORT int64_t run(Line *line, const uint8_t *in, int64_t n, int64_t *sent, uint8_t *out,
                   int64_t capacity, int64_t clocks) {
    auto &core = line->core;
    int64_t got = 0;
    *sent = 0;
    for (; clocks > 0 && got < capacity; clocks--) {
        bool rx = true;
        if (*sent < n) {
            int64_t frame = 0x200 | in[*sent] << 1;  // stop bit, byte, start bit
            rx = frame >> line->sent_bits & 1;
            if (++line->sent_clock == line->divisor) {
                line->sent_clock = 0;
                if (++line->sent_bits == 10) {
                    line->sent_bits = 0;
                    ++*sent;
                }
            }
        }
        core.p_rx.set(rx);
#if SINGLE_EVAL
        core.prev_p_clk.set(false);
        core.p_clk.set(true);
        core.cxxrtl_design::p_link::eval();
        bool tx = core.p_tx.get<bool>();
        core.cxxrtl_design::p_link::commit();
#else
        core.p_clk.set(false);
        core.step();
        bool tx = core.p_tx.get<bool>();
        core.p_clk.set(true);
        core.step();
#endif
        if (line->bits == 0) {
            if (!tx) {
                line->bits = 1;
                line->clock = line->divisor + line->divisor / 2 - 1;  // the middle of the first bit
            }
        } else if (line->clock > 0) {
            line->clock--;
        } else if (line->bits < 9) {
            line->byte |= int64_t(tx) << (line->bits - 1);
            line->bits++;
            line->clock = line->divisor - 1;
        } else {
            out[got++] = uint8_t(line->byte);
            line->bits = line->byte = 0;
        }
    }
    return got;
}
