"""A naive interpreter of TrueNorth's equations, and faults in it that a check must find."""

import inspect
from collections.abc import Callable
from typing import Any

from rheobase.models.integer.truenorth import TrueNorth

Update = Callable[[TrueNorth, int, int, int], tuple[int, int, int]]


def naive(p: TrueNorth, v: int, i: int, x: int) -> tuple[int, int, int]:
    """One update in Python integers, from the equations: spike, V before and V after the reset."""

    def wrapped(number):
        number %= 2**p.width
        return number if number < 2 ** (p.width - 1) else number - 2**p.width

    def held(number, correct):
        if p.overflow == "saturate":
            return sorted((-(2 ** (p.width - 1)), number, 2 ** (p.width - 1) - 1))[1]
        number = wrapped(number)
        if p.overflow == "paicore" and correct:
            if number >= 2**29:
                return number - (2**30 - 1)
            if number < -(2**29):
                return number + (2**30 - 1)
        return number

    def sign(number):
        return int(number > 0) - int(number < 0)

    rho = x % 256
    eta = x // 256 % 2**p.mask_bits
    v = held(v + i, correct=True)
    charged = v
    leak = p.leak
    if p.leak_stochastic:
        leak = sign(p.leak) * int(abs(p.leak) >= rho)
    if p.leak_reversal:
        leak = leak * sign(v)
    if p.no_ringing and sign(v + leak) * sign(v) < 0:
        v = 0
    else:
        v = held(v + leak, correct=True)
    compared = charged if p.leak_after_compare else v
    before = v
    alpha, beta = p.threshold, -p.negative_threshold
    kappa = int(p.negative_saturation)
    limit = -(beta * kappa + (beta + eta) * (1 - kappa))
    if compared >= alpha + eta:
        spike = 1
        after = {"value": p.v_reset, "subtract": v - (alpha + eta), "none": v}[p.reset]
    elif compared < limit or (p.symmetric and compared == limit):
        spike = 0
        after = {"value": -p.v_reset, "subtract": v + (beta + eta), "none": v}[p.reset]
        if kappa:
            after = -beta
    else:
        return 0, before, v
    return spike, before, held(after, correct=False)


FILES = ("paibox", "ranc_rtl9", "ranc_sim")
# name: (a piece of `naive`, what stands there instead, the files of golden vectors that find it)
FAULTS: dict[str, tuple[str, str, set[str]]] = {
    "threshold, > for >=": ("compared >= alpha", "compared > alpha", set(FILES)),
    "negative threshold, <= for <": ("compared < limit", "compared <= limit", set(FILES)),
    "never symmetric": ("p.symmetric and", "False and", {"ranc_sim"}),
    "wraps without a sign": ("return number if number <", "return number if 1 or", set(FILES)),
    "leak reversed at 0": ("leak * sign(v)", "leak * (sign(v) or 1)", {"paibox"}),
    "leak never reversed": ("if p.leak_reversal", "if False", {"paibox"}),
    "ringing stopped unasked": ("if p.no_ringing and", "if p.leak_reversal and", {"paibox"}),
    "leak always before": ("charged if p.leak_after_compare else v", "v", {"paibox"}),
    "reset to R below": ('"value": -p.v_reset', '"value": p.v_reset', set(FILES)),
    "V - beta below": ("v + (beta + eta)", "v - (beta + eta)", set(FILES)),
    "to 0 above": ('"subtract": v - (alpha + eta)', '"subtract": 0', set(FILES)),
    "saturates at 0": ("after = -beta", "after = 0", {"paibox"}),
    "ringing never stopped": ("if p.no_ringing and", "if False and", set()),
    "|leak| > rho": ("abs(p.leak) >= rho", "abs(p.leak) > rho", set()),
    "rho from other bits": ("x % 256", "x // 2**24", set()),
    "eta from the bits of rho": ("x // 256 % 2**p", "x % 2**p", set()),
    "eta saturates too": ("(beta * kappa + (beta + eta) * (1 - kappa))", "(beta + eta)", set()),
    "corrected by 2**30, above": ("number - (2**30 - 1)", "number - 2**30", set()),
    "corrected by 2**30, below": ("number + (2**30 - 1)", "number + 2**30", set()),
    "corrected after the reset": ("correct=False", "correct=True", set()),
    "saturates one lower": ("2 ** (p.width - 1) - 1))", "2 ** (p.width - 1) - 2))", set()),
}


def faulty(fault: str) -> Update:
    good, bad, _ = FAULTS[fault]
    source = inspect.getsource(naive)
    assert source.count(good) == 1, "the fault must fit the interpreter"
    names: dict[str, Any] = {"TrueNorth": TrueNorth}
    exec(source.replace(good, bad), names)
    return names["naive"]
