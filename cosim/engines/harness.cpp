// Drives a CXXRTL model of a core with the ports of rheobase's LIFCore, behind a C interface.
//
// Compile with -DMODEL="file.cc" -DSINGLE_EVAL=0|1 and, where the states can be read, -DSTATE=member.
// SINGLE_EVAL=1 is valid for a model without feedback wires whose only clock edge is the rising
// one: there one eval() with the clock high computes both the outputs before the edge and the
// registers after it, and commit() makes the edge.
#include MODEL
#include <cstdint>

using Core = cxxrtl_design::p_lif__core;

struct Counts {
    int64_t cycles;    // clocks since the end of reset
    int64_t taken;     // currents that the core took
    int64_t events;    // events that it gave
    int64_t markers;   // of these, with `last`
    int64_t stalls;    // clocks in which an event waited
    int64_t gaps;      // clocks in which the core waited for a current
    int64_t unstable;  // events withdrawn or changed while they waited
};

template <size_t Bits>
static void put(cxxrtl::value<Bits> &port, uint32_t number) {
    port.data[0] = Bits < 32 ? number & ((uint32_t(1) << (Bits % 32)) - 1) : number;
}

static void clock(Core &core) {
    core.p_clk.set(false);
    core.step();
    core.p_clk.set(true);
    core.step();
}

#define EXPORT extern "C" __attribute__((visibility("default")))

// Reset the core, offer `n` currents, collect the events until `markers` time steps have ended and
// `settle` clocks more; give up after `patience` clocks without a transfer. `valid` and `ready` are
// repeated cyclically. Events beyond `capacity` are counted, not stored.
EXPORT void run(const int32_t *currents, int64_t n, uint32_t *events, int64_t capacity,
                const uint8_t *valid, int64_t valid_length, const uint8_t *ready,
                int64_t ready_length, int last_bit, int64_t markers, int64_t settle,
                int64_t patience, uint64_t *state, int64_t neurons, Counts *counts) {
    Core core;
    put(core.p_i____valid, 0);
    put(core.p_i____payload, 0);
    put(core.p_o____ready, 0);
    put(core.p_rst, 1);
    clock(core);
    clock(core);
    put(core.p_rst, 0);

    Counts c = {};
    int64_t valid_at = 0, ready_at = 0, idle = 0, extra = 0;
    bool waiting = false;
    uint32_t waiting_event = 0;
    while (extra < settle && idle < patience) {
        bool offer = c.taken < n && valid[valid_at], accept = ready[ready_at];
        if (++valid_at == valid_length) valid_at = 0;
        if (++ready_at == ready_length) ready_at = 0;
        put(core.p_i____valid, offer);
        put(core.p_i____payload, offer ? currents[c.taken] : 0);
        put(core.p_o____ready, accept);
#if SINGLE_EVAL
        core.prev_p_clk.set(false);
        core.p_clk.set(true);
        core.Core::eval();
#else
        core.p_clk.set(false);
        core.step();
#endif
        bool open = core.p_i____ready.template get<bool>();
        bool event_valid = core.p_o____valid.template get<bool>();
        uint32_t event = core.p_o____payload.template get<uint32_t>();
#if SINGLE_EVAL
        core.Core::commit();
#else
        core.p_clk.set(true);
        core.step();
#endif
        if (waiting && !(event_valid && event == waiting_event)) c.unstable++;
        waiting = event_valid && !accept;
        waiting_event = event;
        c.stalls += waiting;
        c.gaps += open && !offer && c.taken < n;
        idle++;
        if (event_valid && accept) {
            if (c.events < capacity) events[c.events] = event;
            c.events++;
            c.markers += event >> last_bit & 1;
            idle = 0;
        }
        if (offer && open) {
            c.taken++;
            idle = 0;
        }
        c.cycles++;
        extra += c.taken == n && c.markers >= markers;
    }
#ifdef STATE
    for (int64_t k = 0; k < neurons; k++) state[k] = core.STATE[k].template get<uint64_t>();
#endif
    *counts = c;
}
