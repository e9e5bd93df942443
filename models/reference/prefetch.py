"""Ask the processor for memory that will soon be read: LLVM's ``llvm.prefetch``, for numba.

The targets of a source stand together, but those of the next source anywhere else: to wait for
their first bytes can take as long as to deliver to a hundred targets.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

CACHE_LINE = 64  # bytes


@intrinsic
def prefetch(context: Any, array: Any, index: Any) -> Any:
    """Fetch the cache line of ``array[index]`` (one axis, contiguous); changes nothing."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer, integer = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, integer, integer, integer])
        call = builder.module.declare_intrinsic("llvm.prefetch", (pointer,), kind)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), pointer)
        to_read, into_all_levels, data_not_code = integer(0), integer(3), integer(1)
        builder.call(call, [address, to_read, into_all_levels, data_not_code])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
