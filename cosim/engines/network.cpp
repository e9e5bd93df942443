// Drives a CXXRTL model of a network core with the ports of rheobase's Core, behind a C interface.
//
// Compile with -DMODEL="file.cc" -DSINGLE_EVAL=0|1, -DSTATE=member where the states can be read, and
// -DTABLES="X(weights, 0) ...", the memories that are written before a run and their numbers;
// -DMUTANTS where faults are planted.
#include "single_eval.h"

#include MODEL
#include <cstdint>

using Core = cxxrtl_design::p_network__core;

struct Job {
    const uint32_t *const *tables;  // contents, each word in as many chunks of 32 bits as it needs
    const int64_t *lengths;         // of the tables, in words
    void (*refill)();           // puts the next arrivals in place of those that were taken
    const uint32_t *arrivals;
    int64_t n;                  // arrivals
    int64_t taken;              // of them, by the core
    int64_t all;                // there are no more
    uint32_t *events;           // taken events; those beyond `capacity` are counted, not stored
    int64_t capacity;
    const uint8_t *valid;       // clock by clock, repeated: an arrival is offered
    int64_t valid_length;
    const uint8_t *ready;       // clock by clock, repeated: an event is taken
    int64_t ready_length;
    int64_t last_bit;           // of `last` in an event
    int64_t ticks;              // run until so many events with `last` ...
    int64_t settle;             // ... and so many clocks more in which nothing waits,
    int64_t patience;           // or until so many clocks without a transfer, or too many events
    uint32_t *states;           // after each tick, if wanted: words in chunks
    int64_t words;              // of the state memory; 0: not wanted
    int64_t before;             // clocks that the core runs before a second reset, of one clock
    int64_t rewrites;           // if not 0: tables are written again in the run, as they were
    int64_t mutant;             // the number of the planted fault that acts, if faults are planted
    // Results.
    int64_t cycles;             // clocks since the end of reset
    int64_t given;              // events that it gave
    int64_t unstable;           // events withdrawn or changed while they waited
    int64_t waited;             // the sum of `pending` over the clocks
    int64_t dropped, saturated, pending;
};

template <size_t Bits>
static void put(cxxrtl::value<Bits> &port, const uint32_t *chunks) {
    for (size_t chunk = 0; chunk < port.chunks; chunk++) port.data[chunk] = chunks[chunk];
    if (Bits % 32) port.data[port.chunks - 1] &= (uint32_t(1) << (Bits % 32)) - 1;
}

template <size_t Bits>
static void put(cxxrtl::value<Bits> &port, uint32_t number) {
    uint32_t chunks[port.chunks ? port.chunks : 1] = {number};
    put(port, chunks);
}

// A planted fault may make a circuit that never settles; it is left as it is after many rounds.
static void settle(Core &core) {
    int rounds = 0;
    bool converged;
    do converged = core.Core::eval();
    while (core.Core::commit() && !converged && ++rounds < 100);
}

// One clock: what the outputs are before the edge is for `see`.
template <class See>
static void clock(Core &core, See see) {
#if SINGLE_EVAL
    core.prev_p_clk.set(false);
    core.p_clk.set(true);
    core.Core::eval();
    see();
    core.Core::commit();
#else
    core.p_clk.set(false);
    settle(core);
    see();
    core.p_clk.set(true);
    settle(core);
#endif
}

// The model's functions are named in full and become part of this one, at two places only: a core
// whose address is never taken can stay in the processor's registers.
extern "C" __attribute__((visibility("default"), flatten)) void run(Job *given) {
    Job &job = *given;
    Core core;
    job.refill();
#define X(name, number) +1
    const int64_t tables = 0 TABLES;
#undef X
#ifdef MUTANTS
    put(core.p_mutant, uint32_t(job.mutant));
#endif
    uint32_t random = uint32_t(job.rewrites);
    // A word for the write port of a table; none for the others, which have anything meanwhile.
    auto write = [&](int64_t table, int64_t address) {
#define X(name, number)                                                                         \
        {                                                                                       \
            auto &data = core.p_write__##name##____data;                                        \
            const bool on = table == number;                                                    \
            const int64_t word = on ? address : random % job.lengths[number];                   \
            put(core.p_write__##name##____en, uint32_t(on));                                    \
            put(core.p_write__##name##____addr, on ? uint32_t(address) : random);               \
            put(data, job.tables[number] + word * data.chunks);                                 \
        }
        TABLES
#undef X
    };
    // The tables are written in reset, as states may start with the registers in them. Then comes
    // work, if wanted, and another clock of reset, which must undo it.
    put(core.p_o____ready, 1u);
    put(core.p_i____valid, uint32_t(job.n > 0));
    for (int64_t table = 0; table <= tables; table++) {
        const int64_t clocks = table < tables ? job.lengths[table] : job.before + 1;
        for (int64_t address = 0; address < clocks; address++) {
            put(core.p_rst, uint32_t(table < tables || address == job.before));
            put(core.p_i____payload, job.n > 0 ? job.arrivals[address % job.n] : 0u);
            write(table, address);
            clock(core, [] {});
        }
    }
    put(core.p_rst, 0u);

    int64_t valid_at = 0, ready_at = 0, ticks = 0, idle = 0, extra = 0;
    bool waiting = false;
    uint32_t waiting_event = 0;
    while (extra < job.settle && idle < job.patience && job.given <= job.capacity) {
        if (job.taken == job.n && !job.all) job.refill();
        bool offer = job.taken < job.n && job.valid[valid_at], accept = job.ready[ready_at];
        if (++valid_at == job.valid_length) valid_at = 0;
        if (++ready_at == job.ready_length) ready_at = 0;
        put(core.p_i____valid, uint32_t(offer));
        put(core.p_i____payload, offer ? job.arrivals[job.taken] : 0u);
        put(core.p_o____ready, uint32_t(accept));
        if (job.rewrites && tables > 0) {
            random = random * 1664525u + 1013904223u;
            const int64_t table = (random >> 16) % (2 * tables);  // in half of the clocks, none
            write(table, table < tables ? (random >> 20) % job.lengths[table] : 0);
        }
        bool open = false, event_valid = false;
        uint32_t event = 0, pending = 0;
        clock(core, [&] {
            open = core.p_i____ready.template get<bool>();
            event_valid = core.p_o____valid.template get<bool>();
            event = core.p_o____payload.template get<uint32_t>();
            pending = core.p_pending.template get<uint32_t>();
        });
        job.waited += pending;
        job.unstable += waiting && !(event_valid && event == waiting_event);
        waiting = event_valid && !accept;
        waiting_event = event;
        job.cycles++;
        idle++;
        if (event_valid && accept) {
            if (job.given < job.capacity) job.events[job.given] = event;
            job.given++;
            idle = 0;
            if (event >> job.last_bit & 1) {
#ifdef STATE
                for (int64_t k = 0; k < job.words && ticks < job.ticks; k++) {
                    const auto &word = core.STATE[k];
                    for (size_t chunk = 0; chunk < word.chunks; chunk++)
                        *job.states++ = word.data[chunk];
                }
#endif
                ticks++;
            }
        }
        if (offer && open) {
            job.taken++;
            idle = 0;
        }
        extra += job.all && job.taken == job.n && ticks >= job.ticks && !pending;
    }
    job.dropped = core.p_dropped.template get<uint32_t>();
    job.saturated = core.p_saturated.template get<uint32_t>();
    job.pending = core.p_pending.template get<uint32_t>();
}
