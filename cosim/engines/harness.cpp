// Drives a CXXRTL model of a core with the ports of rheobase's NeuronCore, behind a C interface.
//
// Compile with -DMODEL="file.cc" -DSINGLE_EVAL=0|1, -DPAYLOAD=int32_t|uint64_t, the type that holds an
// input, -DTABLES="X(registers, 0) ...", the memories that are written before a run and their
// numbers, and, where the states can be read, -DSTATE=member.
#include "single_eval.h"

#include MODEL
#include <cstdint>

using Core = cxxrtl_design::p_lif__core;

struct Job {
    const uint32_t *const *tables; // words of the memories to write, in chunks of 32 bits
    const int64_t *lengths;     // and how many words
    const PAYLOAD *inputs;
    int64_t n;                  // inputs
    uint32_t *events;           // taken events; those beyond `capacity` are counted, not stored
    int64_t capacity;
    const uint8_t *valid;       // clock by clock, repeated: an input is offered
    int64_t valid_length;
    const uint8_t *ready;       // clock by clock, repeated: an event is taken
    int64_t ready_length;
    int64_t last_bit;           // of `last` in an event
    int64_t markers;            // run until so many events with `last` ...
    int64_t settle;             // ... and so many clocks more,
    int64_t patience;           // or until so many clocks without a transfer
    uint32_t *state;            // memory words after the run, `chunks` of 32 bits each
    int64_t words;
    int64_t chunks;
    // Results.
    int64_t cycles;             // clocks since the end of reset
    int64_t updates;            // inputs that the core took
    int64_t given;              // events that it gave
    int64_t stalls;             // clocks in which an event waited
    int64_t gaps;               // clocks in which the core waited for an input
    int64_t unstable;           // events withdrawn or changed while they waited
};

template <size_t Bits>
static void put(cxxrtl::value<Bits> &port, uint64_t number) {
    if (Bits < 64) number &= (uint64_t(1) << (Bits % 64)) - 1;
    for (size_t k = 0; k < port.chunks; k++) port.data[k] = uint32_t(number >> (32 * k));
}

// The model's functions are named in full, so that they are inlined: a core whose address is never
// taken can stay in the processor's registers.
static void step(Core &core) {
    core.Core::eval();
    while (core.Core::commit() && !SINGLE_EVAL) core.Core::eval();
}

// Memories are written while the core is held in reset, before the sweep that starts the states.
static void reset(const Job &job, Core &core) {
    put(core.p_i____valid, 0);
    put(core.p_i____payload, 0);
    put(core.p_o____ready, 0);
    put(core.p_rst, 1);
    (void)job;
#define X(name, number)                                                                         \
    for (int64_t address = 0; address < job.lengths[number]; address++) {                       \
        auto &data = core.p_write__##name##____data;                                            \
        put(core.p_write__##name##____en, 1);                                                   \
        put(core.p_write__##name##____addr, address);                                           \
        for (size_t k = 0; k < data.chunks; k++)                                                \
            data.data[k] = job.tables[number][address * data.chunks + k];                       \
        core.p_clk.set(false);                                                                  \
        step(core);                                                                             \
        core.p_clk.set(true);                                                                   \
        step(core);                                                                             \
    }                                                                                           \
    put(core.p_write__##name##____en, 0);
    TABLES
#undef X
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
    reset(job, core);
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
        put(core.p_i____payload, offer ? job.inputs[taken] : 0);
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
    for (int64_t k = 0; k < job.words; k++) {
        for (int64_t c = 0; c < job.chunks; c++) job.state[k * job.chunks + c] = core.STATE[k].data[c];
    }
#endif
}

extern "C" __attribute__((visibility("default"))) void run(Job *job) {
    bool stalling = job->valid_length > 1 || job->ready_length > 1;
    stalling ? drive<true>(*job) : drive<false>(*job);
}
