"""CUDA for the sweeps of SRMP: variables that share no factor are visited at once.

A thread visits a variable as `srmp_kernel.sweep` does. Variables are sorted by colour, so those of
one launch lie side by side and the order within it does not matter: the messages are those of a
sequential sweep in this order.

Importing this file imports nothing of CUDA.
"""

ARITY_MAX = 32
"""Tables over more variables have more entries than any memory."""

_SOURCE = r"""
typedef REAL real;
typedef long long whole;
#define NEVER (-(real)INFINITY_BITS)

extern "C" __global__ void visit(
    const whole begin, const whole end, const int backward, const real floor,
    const int* __restrict__ num_states, const whole* __restrict__ unary_start,
    const real* __restrict__ unary, const whole* __restrict__ near_start,
    const whole* __restrict__ near_edge, const whole* __restrict__ edge_factor,
    const whole* __restrict__ low, const whole* __restrict__ high,
    const whole* __restrict__ factor_start, const whole* __restrict__ edge_variable,
    const whole* __restrict__ strides, const whole* __restrict__ table_start,
    const real* __restrict__ log_potentials, const whole* __restrict__ message_start,
    real* __restrict__ messages, real* __restrict__ totals) {
  const whole stride = (whole)gridDim.x * blockDim.x;
  whole digits[ARITY_MAX];
  for (whole i = begin + (whole)blockIdx.x * blockDim.x + threadIdx.x; i < end; i += stride) {
    const whole states = num_states[i];
    real* total = totals + unary_start[i];
    for (whole x = 0; x < states; ++x) total[x] = unary[unary_start[i] + x];
    whole behind = 0, ahead = 0;
    for (whole position = near_start[i]; position < near_start[i + 1]; ++position) {
      const whole edge = near_edge[position], f = edge_factor[edge];
      real* own = messages + message_start[edge];
      if (i != (backward ? low[f] : high[f])) ++ahead;
      if (i != (backward ? high[f] : low[f])) {
        ++behind;
        const whole first = factor_start[f], stop = factor_start[f + 1];
        whole entry = table_start[f];
        for (whole e = first; e < stop; ++e) digits[e - first] = 0;
        for (whole x = 0; x < states; ++x) own[x] = NEVER;
        for (bool is_over = false; !is_over;) {
          real value = log_potentials[entry];
          for (whole e = first; e < stop; ++e)
            if (e != edge) value -= messages[message_start[e] + digits[e - first]];
          real* place = own + digits[edge - first];
          if (value > *place) *place = value;
          is_over = true;
          for (whole e = stop - 1; e >= first; --e) {
            entry += strides[e];
            if (++digits[e - first] < num_states[edge_variable[e]]) {
              is_over = false;
              break;
            }
            entry -= strides[e] * digits[e - first];
            digits[e - first] = 0;
          }
        }
        real best = NEVER;
        for (whole x = 0; x < states; ++x) best = own[x] > best ? own[x] : best;
        if (best == NEVER) best = (real)0;
        for (whole x = 0; x < states; ++x)
          own[x] = own[x] > best + floor ? own[x] : best + floor;
      }
      for (whole x = 0; x < states; ++x) total[x] += own[x];
    }
    real largest = NEVER;
    for (whole x = 0; x < states; ++x) largest = total[x] > largest ? total[x] : largest;
    if (ahead == 0 || largest == NEVER) continue;
    const real share = (real)1 / (real)(ahead > behind ? ahead : behind);
    for (whole position = near_start[i]; position < near_start[i + 1]; ++position) {
      const whole edge = near_edge[position], f = edge_factor[edge];
      if (i == (backward ? low[f] : high[f])) continue;
      real* own = messages + message_start[edge];
      for (whole x = 0; x < states; ++x) {
        const real given = total[x] - largest;
        own[x] -= share * (given > floor ? given : floor);
      }
    }
  }
}
"""


def source(*, is_double: bool) -> str:
    """Write the CUDA of one precision.

    >>> "#define REAL float" in source(is_double=False)
    True
    """
    bits = "__longlong_as_double(0x7ff0000000000000LL)"
    defines = {
        "REAL": "double" if is_double else "float",
        "INFINITY_BITS": bits if is_double else "__int_as_float(0x7f800000)",
        "ARITY_MAX": ARITY_MAX,
    }
    return "\n".join(f"#define {name} {value}" for name, value in defines.items()) + _SOURCE
