"""Hand-written CUDA for one contraction: multiply tables and sum (or maximise) axes out.

A thread owns the entries of the result at one place of the axes that keep them apart, and runs
through all places of the others; so nothing is written by two threads. Neighbouring threads are
neighbours in the result. Float64: the same answers as on the CPU, up to the order of sums.
"""

from functools import cache

THREADS_PER_BLOCK = 128
NUM_AXES_MAX = 64

_SOURCE = r"""
extern "C" __global__ void contract(
    double* __restrict__ values,
    const long long* __restrict__ bases,
    const long long* __restrict__ offsets,
    const long long* __restrict__ axis_start,
    const long long* __restrict__ axis_size,
    const int num_axes,
    const int num_apart,
    const long long num_cells,
    const long long num_together) {
  const long long stride = (long long)gridDim.x * blockDim.x;
  for (long long cell = (long long)blockIdx.x * blockDim.x + threadIdx.x; cell < num_cells;
       cell += stride) {
    long long at[NUM_TABLES + 1];
    int digits[NUM_AXES_MAX];
    for (int k = 0; k <= NUM_TABLES; ++k) at[k] = bases[k];
    long long rest = cell;
    for (int axis = num_apart - 1; axis >= 0; --axis) {
      const long long place = axis_start[axis] + rest % axis_size[axis];
      rest /= axis_size[axis];
      for (int k = 0; k <= NUM_TABLES; ++k) at[k] += offsets[place * (NUM_TABLES + 1) + k];
    }
    for (int axis = num_apart; axis < num_axes; ++axis) {
      digits[axis] = 0;
      for (int k = 0; k <= NUM_TABLES; ++k)
        at[k] += offsets[axis_start[axis] * (NUM_TABLES + 1) + k];
    }
    long long out = at[NUM_TABLES];
    double total = EMPTY;
    for (long long t = 0; t < num_together; ++t) {
      double entry = ONE;
      for (int k = 0; k < NUM_TABLES; ++k) entry = COMBINE(entry, values[at[k]]);
      if (at[NUM_TABLES] != out) {
        values[out] = REDUCE(values[out], total);
        out = at[NUM_TABLES];
        total = EMPTY;
      }
      total = REDUCE(total, entry);
      for (int axis = num_axes - 1; axis >= num_apart; --axis) {
        const long long here = (axis_start[axis] + digits[axis]) * (NUM_TABLES + 1);
        if (++digits[axis] < axis_size[axis]) {
          for (int k = 0; k <= NUM_TABLES; ++k)
            at[k] += offsets[here + NUM_TABLES + 1 + k] - offsets[here + k];
          break;
        }
        digits[axis] = 0;
        const long long first = axis_start[axis] * (NUM_TABLES + 1);
        for (int k = 0; k <= NUM_TABLES; ++k) at[k] += offsets[first + k] - offsets[here + k];
      }
    }
    values[out] = REDUCE(values[out], total);
  }
}
"""

_SUMS = """
#define EMPTY 0.0
#define ONE 1.0
#define COMBINE(a, b) ((a) * (b))
#define REDUCE(a, b) ((a) + (b))
"""

# The literal for minus infinity needs no header, which NVRTC would have to find.
_MAXIMA = """
#define EMPTY (-1.0 / 0.0)
#define ONE 0.0
#define COMBINE(a, b) ((a) + (b))
#define REDUCE(a, b) ((a) > (b) ? (a) : (b))
"""


@cache
def source(num_tables: int, *, is_max: bool) -> str:
    """Return the CUDA source for steps that read so many tables."""
    sizes = f"#define NUM_TABLES {num_tables}\n#define NUM_AXES_MAX {NUM_AXES_MAX}\n"
    return sizes + (_MAXIMA if is_max else _SUMS) + _SOURCE
