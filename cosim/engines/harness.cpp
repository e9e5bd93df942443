// Drives a CXXRTL model of a core with the ports of rheobase's NeuronCore, behind a C interface.
//
// Compile with -DMODEL="file.cc" -DSINGLE_EVAL=0|1 and, where the states can be read, -DSTATE=member.
#include "single_eval.h"

#include MODEL
#include <cstdint>

using Core = cxxrtl_design::p_lif__core;

struct Job {
    const int32_t *currents;
    int64_t n;                  // currents
    uint32_t *events;           // taken events; those beyond `capacity` are counted, not stored
    int64_t capacity;
    const uint8_t *valid;       // clock by clock, repeated: a current is offered
    int64_t valid_length;
    const uint8_t *ready;       // clock by clock, repeated: an event is taken
    int64_t ready_length;
    int64_t last_bit;           // of `last` in an event
    int64_t markers;            // run until so many events with `last` ...
    int64_t settle;             // ... and so many clocks more,
    int64_t patience;           // or until so many clocks without a transfer
    uint64_t *state;            // memory words after the run
    int64_t words;
    // Results.
    int64_t cycles;             // clocks since the end of reset
    int64_t updates;            // currents that the core took
    int64_t given;              // events that it gave
    int64_t stalls;             // clocks in which an event waited
    int64_t gaps;               // clocks in which the core waited for a current
    int64_t unstable;           // events withdrawn or changed while they waited
};

template <size_t Bits>
static void put(cxxrtl::value<Bits> &port, uint32_t number) {
    port.data[0] = Bits < 32 ? number & ((uint32_t(1) << (Bits % 32)) - 1) : number;
}

// The model's functions are named in full, so that they are inlined: a core whose address is never
// taken can stay in the processor's registers.
static void step(Core &core) {
    core.Core::eval();
    while (core.Core::commit() && !SINGLE_EVAL) core.Core::eval();
}

static void reset(Core &core) {
    put(core.p_i____valid, 0);
    put(core.p_i____payload, 0);
    put(core.p_o____ready, 0);
    for (int clock = 0; clock < 4; clock++) {
        put(core.p_rst, clock < 3);
        core.p_clk.set(false);
        step(core);
        if (clock == 3) break;
        core.p_clk.set(true);
        step(core);
    }
}

// Stalling = false leaves out what only a stalled core needs: the patterns and their counts.
template <bool Stalling>
__attribute__((flatten)) static void drive(Job &job) {
    Core core;
    reset(core);
    int64_t valid_at = 0, ready_at = 0, cycles = 0, taken = 0, given = 0, markers = 0;
    int64_t idle = 0, extra = 0;
    bool waiting = false;
    uint32_t waiting_event = 0;
    while (extra < job.settle && idle < job.patience) {
        bool offer = taken < job.n, accept = true;
        if (Stalling) {
            offer = offer && job.valid[valid_at];
            accept = job.ready[ready_at];
            if (++valid_at == job.valid_length) valid_at = 0;
            if (++ready_at == job.ready_length) ready_at = 0;
        }
        put(core.p_i____valid, offer);
        put(core.p_i____payload, offer ? job.currents[taken] : 0);
        put(core.p_o____ready, accept);
#if SINGLE_EVAL
        core.prev_p_clk.set(false);
        core.p_clk.set(true);
        core.Core::eval();
#else
        core.p_clk.set(false);
        step(core);
#endif
        bool open = core.p_i____ready.template get<bool>();
        bool event_valid = core.p_o____valid.template get<bool>();
        uint32_t event = core.p_o____payload.template get<uint32_t>();
#if SINGLE_EVAL
        core.Core::commit();
#else
        core.p_clk.set(true);
        step(core);
#endif
        if (Stalling) {
            job.unstable += waiting && !(event_valid && event == waiting_event);
            waiting = event_valid && !accept;
            waiting_event = event;
            job.stalls += waiting;
            job.gaps += open && !offer && taken < job.n;
        }
        cycles++;
        idle++;
        if (event_valid && accept) {
            if (given < job.capacity) job.events[given] = event;
            given++;
            markers += event >> job.last_bit & 1;
            idle = 0;
        }
        if (offer && open) {
            taken++;
            idle = 0;
        }
        extra += taken == job.n && markers >= job.markers;
    }
    job.cycles = cycles;
    job.updates = taken;
    job.given = given;
#ifdef STATE
    for (int64_t k = 0; k < job.words; k++) job.state[k] = core.STATE[k].template get<uint64_t>();
#endif
}

extern "C" __attribute__((visibility("default"))) void run(Job *job) {
    bool stalling = job->valid_length > 1 || job->ready_length > 1;
    stalling ? drive<true>(*job) : drive<false>(*job);
}
