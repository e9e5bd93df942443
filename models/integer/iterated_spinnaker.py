"""The mean interval of a SpiNNaker neuron under independent pulses of current, with a bound.

With synaptic sums that do not outlast their step (decay 0), v is the only state. Counted from
v_rest, with d = decay_v, and half = 2**14 if `rounding` is "nearest" and 0 if it is "floor", a step
is (`spinnaker`)::

    alpha = ((I + i_offset) resistance + half) >> 15
    v'    = alpha - ((d (alpha - v) + half) >> 15)
          = alpha - ((d alpha) >> 15) + ((d v) >> 15) - delta

delta is what rounding the products one by one changes: -1 or 0 for "floor", -1, 0 or 1 for
"nearest". It hangs on alpha and v together. Without it the step would be a leak of v and an
independent input; so the leak lies between two, and `iterated` bounds the mean interval by both. An
LSB is 30 nV: the two are close.

Products and sums must stay within 32 bits: nothing wraps or saturates here.
"""

from dataclasses import replace

import numpy as np

from .input import IntegerInput
from .iterated import MeanInterval, Steps, bounded, probabilities
from .spinnaker import SpiNNaker

_WIDE = 1 << 31


def mean_interval(neuron: SpiNNaker, source: IntegerInput, shift: int, lowest: int) -> MeanInterval:
    """The mean interval under independent input.

    Parameters
    ----------
    neuron : SpiNNaker
        With currents, and decay_e = decay_i = 0.
    source : IntegerInput
        Weights of each step, which `shift` shifts to the left; negative ones inhibit.
    lowest : int
        LSB from v_rest below which v is hardly ever: there it is held.

    Raises
    ------
    ValueError
        Synaptic sums that outlast a step, conductances, currents beyond 32 bits, or a mean that
        iteration does not find: a neuron that hardly ever fires.
    """
    if neuron.e_rev_e is not None or neuron.decay_e or neuron.decay_i:
        raise ValueError(f"neuron must have currents that last one step, not {neuron!r}")
    excites = np.maximum(source.values, 0) << shift
    inhibits = np.maximum(-source.values, 0) << shift
    current = ((excites * neuron.init_e) >> 32) - ((inhibits * neuron.init_i) >> 32)
    nearest = neuron.rounding == "nearest"
    half = 1 << 14 if nearest else 0
    alpha = ((current + neuron.i_offset) * neuron.resistance + half) >> 15
    threshold = neuron.v_thresh - neuron.v_rest
    begin = neuron.v_reset - neuron.v_rest
    if np.abs(alpha).max() + max(threshold, -lowest) >= _WIDE:
        raise ValueError(f"alpha must stay within 32 bits, not reach {np.abs(alpha).max()}")
    low, p = probabilities(alpha - ((neuron.decay_v * alpha) >> 15), source.probabilities)
    leaked = ((neuron.decay_v * np.arange(lowest, threshold)) >> 15) - lowest
    lower, upper = leaked - 1 if nearest else leaked, leaked + 1
    between = Steps([(lower, 0.5), (upper, 0.5)], low, p)
    ends = replace(between, leaks=[(lower, 1.0)]), replace(between, leaks=[(upper, 1.0)])
    found = bounded(between, ends, begin - lowest, source.lost_mass)
    return MeanInterval(neuron.refractory + found.steps, found.error)
