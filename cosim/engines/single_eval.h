// For CXXRTL models that need one eval() per clock; include it before the model.
//
// SINGLE_EVAL=1 is valid for a model without feedback wires, with one clock that acts on its rising
// edge, and with at most one write port to a memory: then one eval() with the clock high computes
// both the outputs before the edge and the registers after it, and commit() makes the edge.
#include <cxxrtl/cxxrtl.h>

#if SINGLE_EVAL
// CXXRTL's wires and memories keep track of changes, to know when a design has converged. A design
// that needs no second look can do without, which halves the time of commit().
namespace cxxrtl_yosys {

template <size_t Bits>
struct plain_wire {
    value<Bits> held, next;

    plain_wire() = default;
    template <typename... Init>
    explicit constexpr plain_wire(Init... init) : held{init...}, next{init...} {}

    value<Bits> now() const { return held; }

    template <class Integer>
    Integer get() const { return held.template get<Integer>(); }

    template <class Observer>
    bool commit(Observer &) {
        held = next;
        return true;
    }
};

template <size_t Width>
struct one_port_memory {
    std::unique_ptr<value<Width>[]> data;
    size_t written_index = 0;
    value<Width> written, mask;  // mask 0: nothing was written

    explicit one_port_memory(size_t depth) : data(new value<Width>[depth]) {}

    const value<Width> &operator[](size_t index) const { return data[index]; }
    value<Width> &operator[](size_t index) { return data[index]; }

    void update(size_t index, const value<Width> &new_value, const value<Width> &new_mask, int) {
        written_index = index;
        written = new_value;
        mask = new_mask;
    }

    template <class Observer>
    bool commit(Observer &) {
        if (!mask.is_zero()) {
            data[written_index] = data[written_index].update(written, mask);
            mask = value<Width>{};
        }
        return true;
    }
};

}  // namespace cxxrtl_yosys
#define wire plain_wire
#define memory one_port_memory
// What is chosen between two wires is then a value: where it is one of two addresses, the compiler
// has to keep the model in memory.
#define curr now()
#endif
