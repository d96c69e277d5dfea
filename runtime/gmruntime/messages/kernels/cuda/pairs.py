"""Hand-written CUDA for one flooding sweep, specialised by number of states, rule and precision.

A group of lanes, a power of two and at most a warp, owns one variable: it gathers what the variable
hears, and for each of its edges takes back that edge's own message, combines with the factor,
normalises, damps and writes what the factor says to the other end into a second buffer. Every
message is read once and written once, by one group; only the largest change is joined by an atomic
maximum, whose result does not depend on order. The second axis of the grid is the row of evidence.
Where all messages at once do not settle, only a random part of them is sent, after Van der Merwe,
Joseph and Gopalakrishnan (2019), "Message scheduling for performant, many-core belief propagation".
"""

from typing import Literal

Rule = Literal["table", "potts"]

NUM_STATES_MAX = 256
THREADS_PER_BLOCK = 128

_SOURCE = r"""
typedef REAL real;
#define NONE (-(real)INFINITY_BITS)
#define PER_LANE ((STATES + LANES - 1) / LANES)
#define GROUPS (THREADS / LANES)

__device__ __forceinline__ real group_max(real value, unsigned mask) {
  for (int step = LANES / 2; step > 0; step /= 2) {
    real other = __shfl_xor_sync(mask, value, step, LANES);
    value = value > other ? value : other;
  }
  return value;
}

__device__ __forceinline__ real group_sum(real value, unsigned mask) {
  for (int step = LANES / 2; step > 0; step /= 2)
    value += __shfl_xor_sync(mask, value, step, LANES);
  return value;
}

__device__ __forceinline__ void keep_largest(float* largest, float value) {
  // Non-negative floats are ordered like the integers of the same bits.
  atomicMax((int*)largest, __float_as_int(value));
}

// A number in [0, 1) that is the same for the same edge, row and sweep.
__device__ __forceinline__ float drawn(long long edge, int row, unsigned sweep) {
  unsigned x = (unsigned)edge * 0x9e3779b9u ^ (unsigned)row * 0x85ebca6bu ^ sweep * 0xc2b2ae35u;
  x ^= x >> 16; x *= 0x7feb352du; x ^= x >> 15; x *= 0x846ca68bu; x ^= x >> 16;
  return (float)(x >> 8) * (1.0f / 16777216.0f);
}

extern "C" __global__ void __launch_bounds__(THREADS) sweep(
    const int num_variables,
    const long long num_entries,
    const real* __restrict__ all_unary,
    const long long* __restrict__ edge_start,
    const long long* __restrict__ own_place,
    const long long* __restrict__ other_place,
    const long long* __restrict__ parameter_start,
    const unsigned char* __restrict__ is_first,
    const real* __restrict__ parameters,
    const real* __restrict__ all_heard,
    real* __restrict__ all_written,
    const real damping,
    const float chance,
    const unsigned turn,
    float* __restrict__ largest_change,
    int* __restrict__ contradiction) {
  __shared__ real told[GROUPS][STATES];
  const int lane = threadIdx.x % LANES, group = threadIdx.x / LANES;
  const int variable = blockIdx.x * GROUPS + group;
  if (variable >= num_variables) return;
  const int row = blockIdx.y;
  const real* __restrict__ unary = all_unary + (long long)row * num_variables * STATES;
  const real* __restrict__ heard = all_heard + row * num_entries;
  real* __restrict__ written = all_written + row * num_entries;
  const unsigned mask = LANES == 32 ? 0xffffffffu
      : ((1u << (LANES % 32)) - 1u) << (((threadIdx.x % 32) / LANES) * LANES);
  const long long first = edge_start[variable], stop = edge_start[variable + 1];

  // What is finite is added up; what is -inf is counted, so that either can be taken back.
  real belief[PER_LANE];
  int zeros[PER_LANE];
  for (int i = 0; i < PER_LANE; ++i) {
    const int x = lane + i * LANES;
    belief[i] = x < STATES ? unary[(long long)variable * STATES + x] : NONE;
    zeros[i] = 0;
  }
  for (long long e = first; e < stop; ++e)
    for (int i = 0; i < PER_LANE; ++i) {
      const int x = lane + i * LANES;
      if (x >= STATES) continue;
      const real message = heard[own_place[e] + x];
      if (message == NONE) zeros[i] += 1; else belief[i] += message;
    }

  float change = 0.0f;
  for (long long e = first; e < stop; ++e) {
    real high = NONE;
    real said[PER_LANE];
    for (int i = 0; i < PER_LANE; ++i) {
      const int x = lane + i * LANES;
      said[i] = NONE;
      if (x < STATES) {
        const real message = heard[own_place[e] + x];
        const bool is_zero = message == NONE;
        if (zeros[i] - (is_zero ? 1 : 0) == 0) said[i] = is_zero ? belief[i] : belief[i] - message;
      }
      high = said[i] > high ? said[i] : high;
    }
    high = group_max(high, mask);
    if (high == NONE) high = (real)0;
    real total = (real)0, best = NONE, second = NONE;
    __syncwarp(mask);
    for (int i = 0; i < PER_LANE; ++i) {
      const int x = lane + i * LANES;
      if (x < STATES) told[group][x] = IS_MAX ? said[i] - high : exp(said[i] - high);
    }
    __syncwarp(mask);

    const real* parameter = parameters + parameter_start[e];
#if IS_POTTS
    for (int i = 0; i < PER_LANE; ++i) {
      const int x = lane + i * LANES;
      if (x >= STATES) continue;
      const real value = told[group][x];
      total += value;
      best = value > best ? value : best;
    }
    total = group_sum(total, mask);
    best = group_max(best, mask);
#endif
    real fresh[PER_LANE];
    real top = NONE;
    for (int i = 0; i < PER_LANE; ++i) {
      const int b = lane + i * LANES;
      fresh[i] = NONE;
      if (b < STATES) {
#if IS_POTTS
        // The largest of the others: best itself, unless b alone holds it; then w >= 0 or a scan.
        const real own = told[group][b];
#if IS_MAX
        real rest = best;
        if (own == best && parameter[0] < (real)0) {
          rest = NONE;
          for (int a = 0; a < STATES; ++a)
            if (a != b && told[group][a] > rest) rest = told[group][a];
        }
        const real alike = own + parameter[0];
        fresh[i] = rest > alike ? rest : alike;
#else
        real value = total + (parameter[0] - (real)1) * own;
        if (value < (real)1e-3 * total) {
          value = (real)0;
          for (int a = 0; a < STATES; ++a) value += a == b ? parameter[0] * own : told[group][a];
        }
        fresh[i] = log(value);
#endif
#else
        // Positions are (first, other) in memory; the variable may be either.
        const long long stride_a = is_first[e] ? STATES : 1, stride_b = is_first[e] ? 1 : STATES;
#if IS_MAX
        real value = NONE;
        for (int a = 0; a < STATES; ++a) {
          const real candidate = parameter[a * stride_a + b * stride_b] + told[group][a];
          value = candidate > value ? candidate : value;
        }
        fresh[i] = value;
#else
        real value = (real)0;
        for (int a = 0; a < STATES; ++a)
          value += parameter[a * stride_a + b * stride_b] * told[group][a];
        fresh[i] = log(value);
#endif
#endif
      }
      top = fresh[i] > top ? fresh[i] : top;
    }
    top = group_max(top, mask);
    if (top == NONE) {
      if (lane == 0) contradiction[row] = 1;
      top = (real)0;
    }
    const bool is_kept = chance < 1.0f && drawn(e, row, turn) >= chance;
    for (int i = 0; i < PER_LANE; ++i) {
      const int b = lane + i * LANES;
      if (b >= STATES) continue;
      const real old = heard[other_place[e] + b];
      real value = fresh[i] - top;
      if (damping > (real)0) value = damping * old + ((real)1 - damping) * value;
      const real step = IS_MAX ? (old == value ? (real)0 : fabs(value - old))
                               : fabs(exp(value) - exp(old));
      change = (float)step > change ? (float)step : change;
      written[other_place[e] + b] = is_kept ? old : value;
    }
  }
  for (int step = LANES / 2; step > 0; step /= 2) {
    const float other = __shfl_xor_sync(mask, change, step, LANES);
    change = other > change ? other : change;
  }
  if (lane == 0 && change > 0.0f) keep_largest(largest_change + row, change);
}
"""


def source(num_states: int, rule: Rule, *, is_max: bool, is_double: bool) -> str:
    """Write the CUDA of one specialisation.

    >>> "#define STATES 16" in source(16, "table", is_max=False, is_double=False)
    True
    """
    lanes = 1
    while lanes < min(num_states, 32):
        lanes *= 2
    infinity = (
        "__longlong_as_double(0x7ff0000000000000LL)"
        if is_double
        else ("__int_as_float(0x7f800000)")
    )
    defines = {
        "REAL": "double" if is_double else "float",
        "INFINITY_BITS": infinity,
        "STATES": num_states,
        "LANES": lanes,
        "THREADS": THREADS_PER_BLOCK,
        "IS_MAX": int(is_max),
        "IS_POTTS": int(rule == "potts"),
    }
    lines = [f"#define {name} {value}" for name, value in defines.items()]
    return "\n".join(lines) + _SOURCE


def variables_per_block(num_states: int) -> int:
    """Return how many variables a block of threads owns."""
    lanes = 1
    while lanes < min(num_states, 32):
        lanes *= 2
    return THREADS_PER_BLOCK // lanes
