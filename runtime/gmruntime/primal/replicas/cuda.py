"""CUDA for annealing many copies of a graph at once.

`redraw` re-draws the variables of one colour, which share no factor, in every replica; `add_up`
scores every replica. A thread does one variable of one replica, or one share of the factors for
one replica; neighbouring threads are neighbouring replicas, so what they read lies side by side.
Random numbers are a hash of where they are used, so the same seed draws the same.

Source: Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", for the
hash; Geman and Geman (1984), "Stochastic relaxation, Gibbs distributions, and the Bayesian
restoration of images".

Importing this file imports nothing of CUDA.
"""

_SOURCE = r"""
typedef REAL real;
typedef long long whole;
typedef unsigned long long bits;
#define CHUNK 8

static __device__ bits mixed(bits x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

extern "C" __global__ void redraw(
    const whole begin, const whole end, const whole replicas, const whole seed, const real cooled,
    const int* __restrict__ num_states, const whole* __restrict__ factor_start,
    const int* __restrict__ edge_variable, const int* __restrict__ edge_factor,
    const whole* __restrict__ strides, const whole* __restrict__ table_start,
    const real* __restrict__ log_potentials, const whole* __restrict__ variable_start,
    const whole* __restrict__ variable_edges, const real* __restrict__ tops,
    int* __restrict__ assignments) {
  const whole step = (whole)gridDim.x * blockDim.x, items = (end - begin) * replicas;
  for (whole item = (whole)blockIdx.x * blockDim.x + threadIdx.x; item < items; item += step) {
    const whole i = begin + item / replicas, r = item % replicas;
    const real temperature = tops[r] * cooled;
    const int states = num_states[i], now = assignments[i * replicas + r];
    int chosen = now;
    real best = 0;
    bool is_first = true;
    for (int base = 0; base < states; base += CHUNK) {
      const int count = states - base < CHUNK ? states - base : CHUNK;
      real value[CHUNK];
      for (int a = 0; a < count; ++a) value[a] = 0;
      for (whole near = variable_start[i]; near < variable_start[i + 1]; ++near) {
        const whole own = variable_edges[near], f = edge_factor[own];
        whole entry = table_start[f] + strides[own] * base;
        for (whole e = factor_start[f]; e < factor_start[f + 1]; ++e)
          if (e != own) entry += strides[e] * assignments[(whole)edge_variable[e] * replicas + r];
        for (int a = 0; a < count; ++a) value[a] += log_potentials[entry + strides[own] * a];
      }
      for (int a = 0; a < count; ++a) {
        real found = value[a];
        if (temperature > 0) {
          const bits drawn = mixed(mixed(mixed((bits)seed ^ (bits)i) ^ (bits)r) ^ (bits)(base + a));
          const real uniform = ((real)(drawn >> 41) + (real)0.5) * (real)(1.0 / 8388608.0);
          found -= temperature * log(-log(uniform));
        }
        if (is_first || found > best || (found == best && base + a == now)) {
          best = found;
          chosen = base + a;
          is_first = false;
        }
      }
    }
    assignments[i * replicas + r] = chosen;
  }
}

extern "C" __global__ void add_up(
    const whole factors, const whole shares, const whole replicas,
    const whole* __restrict__ factor_start, const int* __restrict__ edge_variable,
    const whole* __restrict__ strides, const whole* __restrict__ table_start,
    const real* __restrict__ log_potentials, const int* __restrict__ assignments,
    double* __restrict__ scores) {
  const whole step = (whole)gridDim.x * blockDim.x, items = shares * replicas;
  for (whole item = (whole)blockIdx.x * blockDim.x + threadIdx.x; item < items; item += step) {
    const whole share = item / replicas, r = item % replicas;
    double total = 0;
    for (whole f = share; f < factors; f += shares) {
      whole entry = table_start[f];
      for (whole e = factor_start[f]; e < factor_start[f + 1]; ++e)
        entry += strides[e] * assignments[(whole)edge_variable[e] * replicas + r];
      total += (double)log_potentials[entry];
    }
    scores[item] = total;
  }
}
"""


def source(*, is_double: bool) -> str:
    """Write the CUDA of one precision.

    >>> "#define REAL float" in source(is_double=False)
    True
    """
    return f"#define REAL {'double' if is_double else 'float'}" + _SOURCE
