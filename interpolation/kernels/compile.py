"""How kernels are compiled: for given types, without the interpreter's lock, kept on the disk.

What is kept is taken for fresh while the file of the kernel itself is unchanged. After a change in
a module that kernels share, the `__pycache__` of their folders must go (`make clean` sees to it).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

# No fast mathematics and no fused multiply-add: every operation rounds as NumPy's does.
_OPTIONS = {"nogil": True, "error_model": "numpy"}


def kernel(signatures: Sequence[Any]) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for these signatures when its module is imported."""

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(signatures, cache=True, **_OPTIONS)(function)
        except RuntimeError:  # no folder to keep compiled code in
            return numba.njit(signatures, **_OPTIONS)(function)

    return compiled


# A function that becomes a part of each kernel that calls it.
inlined = numba.njit(forceinline=True, **_OPTIONS)
# A larger one that is called.
called = numba.njit(**_OPTIONS)

# A `Grid` as kernels take it, see `interpolation.rectilinear.Grid.numbers`.
GRID = types.Tuple(
    (
        types.UniTuple(types.uint64, 3),
        types.UniTuple(types.int64, 3),
        types.UniTuple(types.uint64, 3),
        types.UniTuple(types.int64, 3),
        types.UniTuple(types.float64, 3),
        types.UniTuple(types.boolean, 3),
        types.UniTuple(types.int64, 3),
    )
)


def array(dtype: types.Type, dimensions: int, *, writeable: bool = False) -> types.Array:
    """Give the type of a contiguous array."""
    return types.Array(dtype, dimensions, "C", readonly=not writeable)


@intrinsic
def load(typing_context: Any, address: Any, index: Any, like: Any) -> Any:
    """Read number `index` from memory at an address, of the type of the number `like`.

    Arrays handed to functions are counted in and out; an address costs nothing.
    """

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        number = context.get_data_type(sig.return_type)
        start = builder.inttoptr(arguments[0], number.as_pointer())
        return builder.load(builder.gep(start, [arguments[1]]))

    return like(types.uint64, types.int64, like), code


@intrinsic
def recall(typing_context: Any, address: Any, index: Any, like: Any) -> Any:
    """Read tuple `index` of those that `keep` has written to an address, of the type of `like`."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        start = builder.inttoptr(arguments[0], context.get_data_type(like).as_pointer())
        return context.unpack_value(builder, like, builder.gep(start, [arguments[1]]))

    return like(types.uint64, types.int64, like), code


@intrinsic
def keep(typing_context: Any, address: Any, index: Any, value: Any) -> Any:
    """Write a tuple of numbers to memory at an address, where tuples of its type lie in a row."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        start = builder.inttoptr(arguments[0], context.get_data_type(value).as_pointer())
        context.pack_value(builder, value, arguments[2], builder.gep(start, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(types.uint64, types.int64, value), code


@intrinsic
def size_of(typing_context: Any, like: Any) -> Any:
    """Give the bytes of a number of the type of `like`."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        return context.get_constant(types.int64, like.bitwidth // 8)

    return types.int64(like), code


@intrinsic
def prefetch(typing_context: Any, address: Any, index: Any, like: Any) -> Any:
    """Ask for the memory of number `index` after an address, without waiting for it."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        number, byte, flag = context.get_data_type(like), ir.IntType(8), ir.IntType(32)
        start = builder.inttoptr(arguments[0], number.as_pointer())
        place = builder.bitcast(builder.gep(start, [arguments[1]]), byte.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), flag, flag, flag])
        function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(function, [place, flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(types.uint64, types.int64, like), code


@intrinsic
def mix_four(
    typing_context: Any, address: Any, places: Any, weights: Any, to: Any, apart: Any, like: Any
) -> Any:
    """Add four variables that lie side by side up over the corners of a cell, all at once.

    address: of the first of the variables; places, weights: of the corners; to: address for the
    first sum; apart: numbers from there to the next. The sums begin at zero and are rounded
    after every product and every addition, each lane as a number by itself.
    """

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        start, places, weights, to, apart, _ = arguments
        number, real, lane = context.get_data_type(like), ir.DoubleType(), ir.IntType(32)
        stored, wide = ir.VectorType(number, 4), ir.VectorType(real, 4)
        memory = builder.inttoptr(start, number.as_pointer())
        total = ir.Constant(wide, [0.0] * 4)
        for corner in range(8):
            place = builder.extract_value(places, corner)
            row = builder.bitcast(builder.gep(memory, [place]), stored.as_pointer())
            values = builder.load(row, align=like.bitwidth // 8)
            if number != real:
                values = builder.fpext(values, wide)
            weight = builder.extract_value(weights, corner)
            shares = ir.Constant(wide, ir.Undefined)
            for i in range(4):
                shares = builder.insert_element(shares, weight, lane(i))
            total = builder.fadd(total, builder.fmul(values, shares))
        result = builder.inttoptr(to, real.as_pointer())
        for i in range(4):
            place = builder.mul(apart, apart.type(i))
            sum_ = builder.extract_element(total, lane(i))
            builder.store(sum_, builder.gep(result, [place]), align=8)
        return context.get_dummy_value()

    return types.void(types.uint64, places, weights, types.uint64, types.int64, like), code
