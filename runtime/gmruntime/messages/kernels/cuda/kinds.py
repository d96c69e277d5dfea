"""CUDA for graphs of any factor kinds and any numbers of states: two kernels a sweep.

`listen`: a thread for each edge gathers what its variable says. `answer`: a thread for each factor
applies its rule, normalises, damps and writes, or keeps what it said: where all messages at once
do not settle, only a random part of them is sent. The rules are those of `compiled.kinds`, written
once for both ways of adding up: sums in the probability domain, maxima in logs. The second axis of
the grid is the row of evidence. No message is written by two threads.

Source: Van der Merwe, Joseph and Gopalakrishnan (2019), "Message scheduling for performant,
many-core belief propagation", for the random part.

Importing this file imports nothing of CUDA.
"""

from gmruntime.factors.kinds.all_different import NUM_EXACT_VALUES_MAX, NUM_EXACT_VARIABLES_MAX
from gmruntime.messages.kernels import codes
from gmruntime.messages.kernels.cuda.chains import CHAINS

TABLE_ARITY_MAX = 32
"""Tables over more variables have more entries than any memory."""

_PRELUDE = r"""
typedef REAL real;
typedef long long whole;
#if IS_MAX
#define ZERO (-(real)INFINITY_BITS)
#define ONE ((real)0)
__device__ static real plus(real a, real b) { return a > b ? a : b; }
__device__ static real times(real a, real b) { return a + b; }
#else
#define ZERO ((real)0)
#define ONE ((real)1)
__device__ static real plus(real a, real b) { return a + b; }
__device__ static real times(real a, real b) { return a * b; }
#endif
#define NEVER (-(real)INFINITY_BITS)

struct Factor {
  whole arity;
  const whole* places;
  const whole* states;
  const whole* ints;
  const real* reals;
  whole num_reals;
  const real* said;
  real* fresh;
  real* work;
};
#define TOLD(k, x) f.said[f.places[k] + (x)]
#define FRESH(k, x) f.fresh[f.places[k] + (x)]

__device__ static real larger(real a, real b) { return a > b ? a : b; }

__device__ static void rescale(real* values, whole count) {
  real high = ZERO;
  for (whole s = 0; s < count; ++s) high = larger(high, values[s]);
#if IS_MAX
  if (high > NEVER) for (whole s = 0; s < count; ++s) values[s] -= high;
#else
  if (high > (real)0) for (whole s = 0; s < count; ++s) values[s] /= high;
#endif
}
"""

_KERNELS = r"""
__device__ static void table(const Factor& f, whole skipped) {
  const whole arity = f.arity - skipped;
  whole size = 1, digits[TABLE_ARITY_MAX];
  for (whole k = 0; k < arity; ++k) {
    size *= f.states[k + skipped];
    digits[k] = 0;
    for (whole x = 0; x < f.states[k + skipped]; ++x) FRESH(k + skipped, x) = ZERO;
  }
  real ahead[TABLE_ARITY_MAX + 1];
  for (whole entry = 0; entry < size; ++entry) {
    if (f.reals[entry] != ZERO) {
      ahead[0] = f.reals[entry];
      for (whole k = 0; k + 1 < arity; ++k)
        ahead[k + 1] = times(ahead[k], TOLD(k + skipped, digits[k]));
      real back = ONE;
      for (whole k = arity - 1; k >= 0; --k) {
        real* out = &FRESH(k + skipped, digits[k]);
        *out = plus(*out, times(ahead[k], back));
        back = times(back, TOLD(k + skipped, digits[k]));
      }
    }
    for (whole k = arity - 1; k >= 0; --k) {
      if (++digits[k] < f.states[k + skipped]) break;
      digits[k] = 0;
    }
  }
}

__device__ static real norm(const Factor& f, whole k) {
  real total = ZERO;
  for (whole x = 0; x < f.states[k]; ++x) total = plus(total, TOLD(k, x));
  return total;
}

__device__ static void gated(const Factor& f) {
  table(f, 1);
  real on = ZERO;
  for (whole x = 0; x < f.states[1]; ++x) on = plus(on, times(FRESH(1, x), TOLD(1, x)));
  const real closed = f.reals[f.num_reals - 1];
  f.work[0] = ONE;
  for (whole k = 1; k < f.arity; ++k) f.work[k] = times(f.work[k - 1], norm(f, k));
  FRESH(0, 0) = times(f.work[f.arity - 1], closed);
  FRESH(0, 1) = on;
  real back = ONE;
  for (whole k = f.arity - 1; k > 0; --k) {
    const real off = times(times(TOLD(0, 0), closed), times(f.work[k - 1], back));
    for (whole x = 0; x < f.states[k]; ++x)
      FRESH(k, x) = plus(times(TOLD(0, 1), FRESH(k, x)), off);
    back = times(back, norm(f, k));
  }
}

__device__ static void potts(const Factor& f) {
  const whole size = f.states[0];
  for (whole k = 0; k < 2; ++k) {
    real before = ZERO, after = ZERO;
    for (whole x = 0; x < size; ++x) {
      FRESH(k, x) = plus(times(TOLD(1 - k, x), f.reals[0]), before);
      before = plus(before, TOLD(1 - k, x));
    }
    for (whole x = size - 1; x >= 0; --x) {
      FRESH(k, x) = plus(FRESH(k, x), after);
      after = plus(after, TOLD(1 - k, x));
    }
  }
}

__device__ static void window(const Factor& f, whole from, whole to) {
  const whole rows = f.ints[0], columns = f.ints[1], up = f.ints[2], aside = f.ints[3];
  for (whole r = 0; r < rows; ++r)
    for (whole c = 0; c < columns; ++c) {
      real total = ZERO;
      for (whole near = r - up < 0 ? 0 : r - up; near < rows && near <= r + up; ++near)
        total = plus(total, TOLD(from, near * columns + c));
      f.work[r * columns + c] = total;
    }
  for (whole r = 0; r < rows; ++r)
    for (whole c = 0; c < columns; ++c) {
      real total = ZERO;
      for (whole near = c - aside < 0 ? 0 : c - aside; near < columns && near <= c + aside; ++near)
        total = plus(total, f.work[r * columns + near]);
      FRESH(to, r * columns + c) = total;
    }
}

__device__ static void soft_window(const Factor& f, whole from, whole to) {
  const whole rows = f.ints[0], columns = f.ints[1];
  const real slope = f.reals[0], cap = f.reals[1];
#if IS_MAX
  real high = NEVER;
  for (whole x = 0; x < rows * columns; ++x) {
    FRESH(to, x) = TOLD(from, x);
    high = larger(high, TOLD(from, x));
  }
  for (whole way = 0; way < 4; ++way) {
    const whole length = way < 2 ? rows : columns, width = way < 2 ? columns : rows;
    const whole stride = way < 2 ? columns : 1, step = way < 2 ? 1 : columns;
    for (whole p = 1; p < length; ++p)
      for (whole line = 0; line < width; ++line) {
        const whole here = (way % 2 ? length - 1 - p : p) * stride + line * step;
        const whole before = way % 2 ? here + stride : here - stride;
        FRESH(to, here) = larger(FRESH(to, here), FRESH(to, before) - slope);
      }
  }
  for (whole x = 0; x < rows * columns; ++x) FRESH(to, x) = larger(FRESH(to, x), high - cap);
#else
  const real rest = exp(-cap);
  for (whole x = 0; x < rows * columns; ++x) {
    real total = ZERO;
    for (whole y = 0; y < rows * columns; ++y) {
      const whole down = x / columns - y / columns, aside = x % columns - y % columns;
      const real nats = slope * (real)((down < 0 ? -down : down) + (aside < 0 ? -aside : aside));
      total += TOLD(from, y) * (nats < cap ? exp(-nats) : rest);
    }
    FRESH(to, x) = total;
  }
#endif
}

__device__ static void two_places(const Factor& f) {
  const whole first = f.arity - 2, size = f.ints[0] * f.ints[1];
  for (whole k = 0; k < 2; ++k)
    if (f.num_reals > 0) soft_window(f, first + 1 - k, first + k);
    else window(f, first + 1 - k, first + k);
  if (first == 0) return;
  const real one = norm(f, 1), other = norm(f, 2);
  real open = ZERO;
  for (whole x = 0; x < size; ++x) open = plus(open, times(TOLD(1, x), FRESH(1, x)));
  FRESH(0, 0) = times(one, other);
  FRESH(0, 1) = open;
  for (whole k = 1; k < 3; ++k) {
    const real off = times(TOLD(0, 0), k == 1 ? other : one);
    for (whole x = 0; x < size; ++x) FRESH(k, x) = plus(times(TOLD(0, 1), FRESH(k, x)), off);
  }
}

__device__ static void memory(const Factor& f) {
  const whole patterns = f.ints[0], places = f.arity - 1, size = f.states[1];
  const real* shifts = f.reals + patterns * places * size;
  real *agree = f.work, *totals = agree + patterns * places, *weights = totals + patterns;
  real high = NEVER;
  for (whole m = 0; m < patterns; ++m) {
    bool never = false;
    totals[m] = (real)0;
    for (whole i = 0; i < places; ++i) {
      const real* pattern = f.reals + (m * places + i) * size;
      real value = ZERO;
      for (whole x = 0; x < size; ++x) value = plus(value, times(pattern[x], TOLD(1 + i, x)));
      value = log_of(value) + shifts[m * places + i];
      agree[m * places + i] = value;
      if (value == NEVER) never = true; else totals[m] += value;
    }
    FRESH(0, m) = never ? NEVER : totals[m];
    high = larger(high, FRESH(0, m));
  }
#if !IS_MAX
  for (whole m = 0; m < patterns; ++m)
    FRESH(0, m) = high > NEVER ? exp(FRESH(0, m) - high) : (real)0;
#endif
  for (whole i = 0; i < places; ++i) {
    high = NEVER;
    for (whole m = 0; m < patterns; ++m) {
      real weight = totals[m];
      for (whole j = 0; j < places; ++j)
        if (j != i && agree[m * places + j] == NEVER) weight = NEVER;
      if (agree[m * places + i] > NEVER) weight -= agree[m * places + i];
      weights[m] = weight + log_of(TOLD(0, m)) + shifts[m * places + i];
      high = larger(high, weights[m]);
    }
    for (whole x = 0; x < size; ++x) FRESH(1 + i, x) = ZERO;
    for (whole m = 0; m < patterns; ++m) {
      if (weights[m] == NEVER) continue;
      const real* pattern = f.reals + (m * places + i) * size;
      const real weight = IS_MAX ? weights[m] : exp(weights[m] - high);
      for (whole x = 0; x < size; ++x)
        FRESH(1 + i, x) = plus(FRESH(1 + i, x), times(weight, pattern[x]));
    }
  }
}

__device__ static void keep_largest(float* largest, float value) {
  // Non-negative floats are ordered like the integers of the same bits.
  atomicMax((int*)largest, __float_as_int(value));
}

// A number in [0, 1) that is the same for the same factor, row and sweep.
__device__ static float drawn(whole factor, whole row, unsigned sweep) {
  unsigned x = (unsigned)factor * 0x9e3779b9u ^ (unsigned)row * 0x85ebca6bu ^ sweep * 0xc2b2ae35u;
  x ^= x >> 16; x *= 0x7feb352du; x ^= x >> 15; x *= 0x846ca68bu; x ^= x >> 16;
  return (float)(x >> 8) * (1.0f / 16777216.0f);
}

extern "C" __global__ void listen(
    const whole num_edges, const whole num_entries, const whole num_unary,
    const whole* __restrict__ variables, const whole* __restrict__ places,
    const whole* __restrict__ states, const whole* __restrict__ variable_start,
    const whole* __restrict__ row_start, const whole* __restrict__ row_messages,
    const real* __restrict__ unary, const real* __restrict__ heard, real* __restrict__ said) {
  const whole row = blockIdx.y, stride = (whole)gridDim.x * blockDim.x;
  for (whole e = (whole)blockIdx.x * blockDim.x + threadIdx.x; e < num_edges; e += stride) {
    const whole v = variables[e];
    const real* own = unary + row * num_unary + variable_start[v];
    const real* all = heard + row * num_entries;
    real* out = said + row * num_entries + places[e];
    for (whole x = 0; x < states[e]; ++x) out[x] = own[x];
    for (whole k = row_start[v]; k < row_start[v + 1]; ++k) {
      const whole other = row_messages[k];
      if (other == places[e]) continue;
      for (whole x = 0; x < states[e]; ++x) out[x] = times(out[x], all[other + x]);
      rescale(out, states[e]);
    }
  }
}

extern "C" __global__ void answer(
    const whole num_factors, const whole num_entries, const whole num_scratch,
    const whole* __restrict__ code, const whole* __restrict__ start,
    const whole* __restrict__ places, const whole* __restrict__ states,
    const whole* __restrict__ int_start, const whole* __restrict__ ints,
    const whole* __restrict__ real_start, const whole* __restrict__ real_stop,
    const real* __restrict__ reals, const whole* __restrict__ scratch_start,
    real* __restrict__ scratch, const real* __restrict__ said, const real* __restrict__ heard,
    real* __restrict__ written, const real damping, const int in_nats,
    const float chance, const unsigned sweep,
    float* __restrict__ largest_change, int* __restrict__ contradiction) {
  const whole row = blockIdx.y, stride = (whole)gridDim.x * blockDim.x;
  float change = 0.0f;
  for (whole n = (whole)blockIdx.x * blockDim.x + threadIdx.x; n < num_factors; n += stride) {
    const whole first = start[n];
    const Factor f = {start[n + 1] - first, places + first, states + first, ints + int_start[n],
        reals + real_start[n], real_stop[n] - real_start[n], said + row * num_entries,
        written + row * num_entries, scratch + row * num_scratch + scratch_start[n]};
    switch (code[n]) {
      case TABLE: table(f, 0); break;
      case GATED: gated(f); break;
      case POTTS: potts(f); break;
      case SUM: weighted_sum(f); break;
      case OR: weighted_or(f); break;
      case PARITY: parity(f); break;
      case DIFFERENT: different(f); break;
      case PLACES: two_places(f); break;
      case COVER: covered(f); break;
      default: memory(f);
    }
    const bool is_kept = drawn(n, row, sweep) >= chance;
    for (whole k = 0; k < f.arity; ++k) {
      real high = ZERO;
      for (whole x = 0; x < f.states[k]; ++x) high = larger(high, FRESH(k, x));
      if (high == ZERO) {
        contradiction[row] = 1;
        continue;
      }
      for (whole x = 0; x < f.states[k]; ++x) {
        const real old = heard[row * num_entries + f.places[k] + x];
        real value = FRESH(k, x);
#if IS_MAX
        value -= high;
        if (damping > (real)0) value = damping * old + ((real)1 - damping) * value;
        const real step = old == value ? (real)0 : fabs(value - old);
#else
        value /= high;
        if (damping > (real)0) value = pow(old, damping) * pow(value, (real)1 - damping);
        const real step = old == value ? (real)0
            : in_nats ? fabs(log(value) - log(old)) : fabs(value - old);
#endif
        change = (float)step > change ? (float)step : change;
        FRESH(k, x) = is_kept ? old : value;
      }
    }
  }
  if (change > 0.0f) keep_largest(largest_change + row, change);
}
"""


def source(*, is_max: bool, is_double: bool) -> str:
    """Write the CUDA of one way of adding up and one precision.

    >>> "#define IS_MAX 1" in source(is_max=True, is_double=False)
    True
    """
    infinity = (
        "__longlong_as_double(0x7ff0000000000000LL)"
        if is_double
        else ("__int_as_float(0x7f800000)")
    )
    kinds = (
        *("TABLE", "GATED", "POTTS", "SUM", "OR", "PARITY"),
        *("DIFFERENT", "PLACES", "MEMORY", "COVER"),
    )
    defines: dict[str, object] = {
        "REAL": "double" if is_double else "float",
        "INFINITY_BITS": infinity,
        "IS_MAX": int(is_max),
        "TABLE_ARITY_MAX": TABLE_ARITY_MAX,
        "EXACT_VALUES_MAX": NUM_EXACT_VALUES_MAX,
        "EXACT_VARIABLES_MAX": NUM_EXACT_VARIABLES_MAX,
        **{name: getattr(codes, name) for name in kinds},
    }
    lines = [f"#define {name} {value}" for name, value in defines.items()]
    return "\n".join(lines) + _PRELUDE + CHAINS + _KERNELS
