// Streams updates through a CXXRTL model of a datapath alone, one per clock, behind a C interface.
//
// Compile with -DMODEL="file.cc" -DSINGLE_EVAL=0|1 -DINPUTS="X(p_i__u, 0) ..." and -DOUTPUTS alike:
// each port and the number of its column.
#include "single_eval.h"

#include MODEL
#include <cstdint>

using Core = cxxrtl_design::p_pipeline;

template <size_t Bits>
static void put(cxxrtl::value<Bits> &port, int64_t number) {
    for (size_t chunk = 0; chunk < port.chunks; chunk++)
        port.data[chunk] = uint32_t(number >> (32 * chunk));
    if (Bits % 32) port.data[port.chunks - 1] &= (uint32_t(1) << (Bits % 32)) - 1;
}

// The bits of a port, without sign.
template <class Port>
static int64_t get(const Port &port) {
    return int64_t(port.template get<uint64_t>());
}

extern "C" __attribute__((visibility("default"))) void run(
    const int64_t *const *in, int64_t *const *out, int64_t n, int64_t latency) {
    Core core;
    for (int64_t k = 0; k < n + latency; k++) {
        if (k < n) {
#define X(port, column) put(core.port, in[column][k]);
            INPUTS
#undef X
        }
#if SINGLE_EVAL
        core.prev_p_clk.set(false);
        core.p_clk.set(true);
        core.Core::eval();
#else
        core.p_clk.set(false);
        core.step();
#endif
        if (k >= latency) {
#define X(port, column) out[column][k - latency] = get(core.port);
            OUTPUTS
#undef X
        }
#if SINGLE_EVAL
        core.Core::commit();
#else
        core.p_clk.set(true);
        core.step();
#endif
    }
}
