"""The kernel decorators, their flags and why, and where compiled kernels are kept.

Numba stamps a cached kernel with the text of its own file only: after an edit of ``_vmath.py`` the
old logarithm would live on inside every cached kernel. So the cache folder is named by a hash of
all files of ratiogan that hold kernels. It lies in the user's cache folder (or in
``NUMBA_CACHE_DIR``), never in the package; where nothing can be written, kernels are compiled anew
in each process and nothing is said. No setting of Numba changes for the user's own functions.
"""

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import llvmlite.ir
import numba
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

_PACKAGE = Path(__file__).parent


def _sources_hash():
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        # Kernels call only functions of files that import this one (or are this one).
        if b"ratiogan._jit import" in source or path == Path(__file__):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(source)
    return digest.hexdigest()[:16]


def _cache_root():
    if os.environ.get("NUMBA_CACHE_DIR"):
        return Path(os.environ["NUMBA_CACHE_DIR"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "ratiogan"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ratiogan"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ratiogan"


def _cache_folder():
    """The folder for this version's kernels, or None where nothing can be written."""
    try:
        folder = _cache_root() / f"kernels-{_sources_hash()}"
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError):
        return None
    return str(folder)


CACHE_FOLDER = _cache_folder()


def _decorator(**flags):
    flags.setdefault("error_model", "numpy")  # a division by zero is inf, and the loop stays vector
    flags.setdefault("nogil", True)

    def decorate(function):
        if CACHE_FOLDER is None:
            return numba.njit(**flags)(function)
        # Numba reads the folder once, here, when it makes the function's cache.
        before, config.CACHE_DIR = config.CACHE_DIR, CACHE_FOLDER
        try:
            return numba.njit(cache=True, **flags)(function)
        finally:
            config.CACHE_DIR = before

    return decorate


# Scalar functions: only a*b + c may become one rounding. Reassociation would fold away the
# compensation inside log1p, and nnan would let the compiler drop NaN. A function that is called
# twice in a loop would stay a call, and the loop scalar: LLVM must inline it (with its own flags;
# Numba's inline="always" would put it under the caller's).
jit = _decorator(fastmath={"contract"}, forceinline=True)

# As written, a*b + c with both roundings. (Left out, the flags would be those of the caller.)
exact = _decorator(fastmath=False, forceinline=True)

# The same where a loop calls it from several places: it may stay a call. Without any fastmath flag
# the bits are those of the text, called or inlined.
strict = _decorator(fastmath=False)

# Loops with sums: reassociation lets the compiler keep one partial sum per vector lane. NaN, inf
# and the order of chunks stay as written.
kernel = _decorator(fastmath={"reassoc", "contract", "nsz"})

# The same for a loop that other kernels call: always inlined. As a function of its own it would
# exist twice, in its own library and in that of the caller, compiled under other circumstances;
# which of the two is called depends on what was loaded first, so that the run that fills the cache
# would differ from all later ones in the last bits.
inlined = _decorator(fastmath={"reassoc", "contract", "nsz"}, forceinline=True)


@intrinsic
def wide_vectors(typingctx):
    """Let LLVM use the widest vectors of the machine in the function that calls this.

    On AVX-512 machines it prefers half their width, a rule from the days when wide vectors
    lowered the clock; a loop of polynomials runs 1.2 to 1.4 times faster at full width.
    """

    def codegen(context, builder, signature, arguments):
        attributes = builder.function.attributes
        try:
            # llvmlite knows no attribute with a value; its set prints what it holds.
            set.add(attributes, '"prefer-vector-width"="512"')
        except TypeError:
            pass  # a slower loop, not a wrong one
        return context.get_dummy_value()

    return types.none(), codegen


@intrinsic
def apart(typingctx):
    """Keep the function that calls this a function: where it is used often, compiling is faster."""

    def codegen(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.none(), codegen


@intrinsic
def prefetch(typingctx, array, index):
    """Ask for ``array[index]`` of a 1-D array ahead of its use; past the end nothing happens."""

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, flag = llvmlite.ir.IntType(8), llvmlite.ir.IntType(32)
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte.as_pointer())
        function = cgutils.get_or_insert_function(
            builder.module,
            llvmlite.ir.FunctionType(llvmlite.ir.VoidType(), [byte.as_pointer(), flag, flag, flag]),
            "llvm.prefetch.p0",
        )
        # to read, into the second level, data
        builder.call(function, [place, flag(0), flag(2), flag(1)])
        return context.get_dummy_value()

    return types.none(array, types.intp), codegen


if config.DISABLE_JIT:

    def apart():
        pass

    def prefetch(array, index):
        pass

    def wide_vectors():
        pass
