"""CUDA for a program over many rows: a thread takes a row through all steps, there and back.

The same loops as in `compiled`. Each thread has a slot for results and derivatives; neighbouring
threads have neighbouring slots, so that rows of one pattern read side by side. The derivatives of
all rows by the tables are added up atomically: up to the order of those sums, the numbers are those
of the processor.

Importing this file imports nothing of CUDA.
"""

from functools import cache

AXES_MAX = 32
"""More free axes have more entries than any memory."""

_SOURCE = r"""
typedef long long whole;

struct Look {
  int num_outer, num, terms_at;
  whole terms, sizes[AXES_MAX], at[TABLES_MAX], along[TABLES_MAX];
  whole across[AXES_MAX][TABLES_MAX];
  whole made_by[TABLES_MAX];
  bool is_given[TABLES_MAX];
};

// What a row leaves free of a step; whether anything. Operands of one entry are left out.
static __device__ bool look(
    Look& l, const whole s, const whole r, const whole num_variables, const whole num_factors,
    const whole* __restrict__ sizes, const whole* __restrict__ axis_start,
    const whole* __restrict__ axes, const whole* __restrict__ inner,
    const whole* __restrict__ operand_start, const whole* __restrict__ given,
    const whole* __restrict__ made_by, const whole* __restrict__ base,
    const whole* __restrict__ stride_start, const whole* __restrict__ strides,
    const whole* __restrict__ result_start, const int* __restrict__ evidence,
    const whole* __restrict__ pointers) {
  const whole first = operand_start[s], width = operand_start[s + 1] - first + 1;
  const whole num_axes = axis_start[s + 1] - axis_start[s];
  const int* row = evidence + r * num_variables;
  l.num = 0;
  l.num_outer = 0;
  l.terms = 1;
  bool is_free = false;
  for (whole k = 0; k < num_axes; ++k) {
    const whole v = axes[axis_start[s] + k];
    if (row[v] >= 0) continue;
    is_free = true;
    if (v == inner[s]) l.terms = sizes[v]; else l.sizes[l.num_outer++] = sizes[v];
  }
  if (!is_free) return false;
  for (whole j = 0; j < width; ++j) {
    whole at = 0, along = 0;
    int outer = 0;
    bool is_live = j == 0;
    for (whole k = 0; k < num_axes; ++k) {
      const whole v = axes[axis_start[s] + k];
      const whole stride = strides[stride_start[s] + k * width + j];
      if (row[v] >= 0) { at += row[v] * stride; continue; }
      is_live = is_live || stride > 0;
      if (v == inner[s]) along = stride; else l.across[outer++][l.num] = stride;
    }
    if (!is_live) continue;
    l.is_given[l.num] = false;
    l.made_by[l.num] = -1;
    if (j == 0) at += result_start[s];
    else if (given[first + j - 1] >= 0) {
      l.is_given[l.num] = true;
      at += pointers[r * num_factors + given[first + j - 1]];
    } else {
      at += base[first + j - 1];
      l.made_by[l.num] = made_by[first + j - 1];
    }
    l.at[l.num] = at;
    l.along[l.num++] = along;
  }
  return true;
}

static __device__ bool next_entry(Look& l, whole* counters) {
  for (int k = l.num_outer - 1; k >= 0; --k) {
    if (++counters[k] < l.sizes[k]) {
      for (int j = 0; j < l.num; ++j) l.at[j] += l.across[k][j];
      return true;
    }
    counters[k] = 0;
    for (int j = 0; j < l.num; ++j) l.at[j] -= (l.sizes[k] - 1) * l.across[k][j];
  }
  return false;
}

#define READ(j, i) (l.is_given[j] ? pool[l.at[j] + (i) * l.along[j]] \
                                  : values[(l.at[j] + (i) * l.along[j]) * slots + slot])
#define LOOK look(l, s, r, num_variables, num_factors, sizes, axis_start, axes, inner, \
                  operand_start, given, made_by, base, stride_start, strides, result_start, \
                  evidence, pointers)

extern "C" __global__ void run_rows(
    const whole num_rows, const whole slots, const whole num_steps, const whole num_variables,
    const whole num_factors, const int is_support,
    const whole* __restrict__ sizes, const whole* __restrict__ axis_start,
    const whole* __restrict__ axes, const whole* __restrict__ inner,
    const whole* __restrict__ operand_start, const whole* __restrict__ given,
    const whole* __restrict__ made_by, const whole* __restrict__ base,
    const whole* __restrict__ stride_start, const whole* __restrict__ strides,
    const whole* __restrict__ result_start, const int* __restrict__ evidence,
    const whole* __restrict__ pointers, const double* __restrict__ weights,
    const double* __restrict__ pool, double* values, double* derivatives, double* largest,
    double* inverse, double* pool_derivatives, double* log_z, whole* failed, double* loss) {
  const whole threads = (whole)gridDim.x * blockDim.x, step = threads < slots ? threads : slots;
  const whole slot = (whole)blockIdx.x * blockDim.x + threadIdx.x;
  if (slot >= slots) return;
  Look l;
  whole counters[AXES_MAX];
  for (int k = 0; k < AXES_MAX; ++k) counters[k] = 0;
  for (whole r = slot; r < num_rows; r += step) {
    double sum = 0.0, lost = 0.0;
    whole stopped = -1;
    for (whole s = 0; s < num_steps && stopped < 0; ++s) {
      if (!LOOK) continue;
      double scale = 1.0, most = 0.0;
      for (int j = 1; j < l.num; ++j)
        if (l.made_by[j] >= 0) scale /= largest[l.made_by[j] * slots + slot];
      do {
        double total = 0.0;
        for (whole i = 0; i < l.terms; ++i) {
          double product = READ(1, i);
          for (int j = 2; j < l.num; ++j) product *= READ(j, i);
          total += product;
        }
        total *= scale;
        if (is_support && total > 0.0) total = 1.0;
        values[l.at[0] * slots + slot] = total;
        most = total > most ? total : most;
      } while (next_entry(l, counters));
      if (!(most > 0.0)) { stopped = s; break; }
      if (most < LARGEST_MIN * scale || !(most < 1e308)) lost = NOT_KNOWN;
      largest[s * slots + slot] = most;
      inverse[s * slots + slot] = scale;
      sum += log(most);
    }
    failed[r] = stopped;
    log_z[r] = stopped >= 0 ? -1.0 / 0.0 : sum;
    const double weight = weights[r];
    if (stopped < 0 && weight != 0.0) {
      for (whole s = num_steps - 1; s >= 0; --s) {
        if (!LOOK) continue;
        const double scale = inverse[s * slots + slot];
        if (l.num_outer == 0)
          derivatives[l.at[0] * slots + slot] = weight / largest[s * slots + slot];
        double spread = 0.0;
        do {
          const double told = derivatives[l.at[0] * slots + slot] * scale;
          derivatives[l.at[0] * slots + slot] = 0.0;
          if (told == 0.0) continue;
          spread += told < 0.0 ? -told : told;
          for (whole i = 0; i < l.terms; ++i) {
            double before[TABLES_MAX], product = told;
            for (int j = 1; j < l.num; ++j) { before[j] = product; product *= READ(j, i); }
            product = 1.0;
            for (int j = l.num - 1; j > 0; --j) {
              const whole place = l.at[j] + i * l.along[j];
              if (l.is_given[j]) atomicAdd(&pool_derivatives[place], before[j] * product);
              else derivatives[place * slots + slot] += before[j] * product;
              product *= READ(j, i);
            }
          }
        } while (next_entry(l, counters));
        lost += spread * (double)l.terms * SMALLEST / (weight < 0.0 ? -weight : weight);
      }
    }
    loss[r] = lost;
  }
}
"""


@cache
def source() -> str:
    """Return the CUDA source, of programs that read at most eight tables a step."""
    return (
        f"#define AXES_MAX {AXES_MAX}\n#define TABLES_MAX 9\n#define SMALLEST 2.3e-308\n"
        "#define LARGEST_MIN 1e-250\n#define NOT_KNOWN (0.0 / 0.0)\n" + _SOURCE
    )
