"""CUDA rules of factors that read their variables one after another; see `cuda_kinds`."""

CHAINS = r"""
__device__ static void weighted_sum(const Factor& f) {
  const whole lowest = f.ints[0], *coefficients = f.ints + 1;
  whole smallest = 0, largest = 0;
  for (whole k = 0; k < f.arity; ++k) {
    const whole reach = coefficients[k] * (f.states[k] - 1);
    if (reach < 0) smallest += reach; else largest += reach;
  }
  const whole width = largest - smallest + 1;
  for (whole s = 0; s < width; ++s) f.work[s] = ZERO;
  f.work[-smallest] = ONE;
  for (whole k = 0; k + 1 < f.arity; ++k) {
    real *here = f.work + k * width, *ahead = here + width;
    for (whole s = 0; s < width; ++s) ahead[s] = ZERO;
    for (whole x = 0; x < f.states[k]; ++x) {
      const whole shift = coefficients[k] * x;
      for (whole s = 0; s < width; ++s)
        if (s + shift >= 0 && s + shift < width)
          ahead[s + shift] = plus(ahead[s + shift], times(here[s], TOLD(k, x)));
    }
    rescale(ahead, width);
  }
  real *back = f.work + f.arity * width, *before = back + width;
  for (whole s = 0; s < width; ++s) {
    const whole place = s + smallest - lowest;
    back[s] = place >= 0 && place < f.num_reals ? f.reals[place] : ZERO;
  }
  for (whole k = f.arity - 1; k >= 0; --k) {
    const real* here = f.work + k * width;
    for (whole s = 0; s < width; ++s) before[s] = ZERO;
    for (whole x = 0; x < f.states[k]; ++x) {
      const whole shift = coefficients[k] * x;
      real total = ZERO;
      for (whole s = 0; s < width; ++s)
        if (s + shift >= 0 && s + shift < width) {
          total = plus(total, times(here[s], back[s + shift]));
          before[s] = plus(before[s], times(back[s + shift], TOLD(k, x)));
        }
      FRESH(k, x) = total;
    }
    rescale(before, width);
    for (whole s = 0; s < width; ++s) back[s] = before[s];
  }
}

__device__ static void weighted_or(const Factor& f) {
  const whole last = f.arity - 1;
  real pair[2] = {f.reals[last], f.reals[2 * f.arity - 1]};
  for (whole k = 0; k < last; ++k) {
    f.work[2 * k] = pair[0];
    f.work[2 * k + 1] = pair[1];
    const real no = TOLD(k, f.ints[k]), yes = TOLD(k, 1 - f.ints[k]);
    const real acted = plus(pair[1], times(pair[0], f.reals[f.arity + k]));
    pair[1] = plus(times(pair[1], no), times(acted, yes));
    pair[0] = times(pair[0], plus(no, times(f.reals[k], yes)));
    rescale(pair, 2);
  }
  FRESH(last, f.ints[last]) = pair[0];
  FRESH(last, 1 - f.ints[last]) = pair[1];
  pair[0] = TOLD(last, f.ints[last]);
  pair[1] = TOLD(last, 1 - f.ints[last]);
  for (whole k = last - 1; k >= 0; --k) {
    const real none = f.work[2 * k], some = f.work[2 * k + 1];
    const real no = TOLD(k, f.ints[k]), yes = TOLD(k, 1 - f.ints[k]);
    const real acted = plus(times(pair[0], f.reals[k]), times(pair[1], f.reals[f.arity + k]));
    FRESH(k, f.ints[k]) = plus(times(none, pair[0]), times(some, pair[1]));
    FRESH(k, 1 - f.ints[k]) = plus(times(none, acted), times(some, pair[1]));
    pair[0] = plus(times(pair[0], no), times(acted, yes));
    pair[1] = times(pair[1], plus(no, yes));
    rescale(pair, 2);
  }
}

__device__ static void covered(const Factor& f) {
  const whole states = f.ints[0], values = f.ints[1], count = f.arity - 1, width = 2 * values;
  const real *all_passes = f.reals + count * states * values;
  const real rest = all_passes[count * states];
  for (whole v = 0; v < values; ++v) {
    f.work[v] = ONE;
    f.work[values + v] = ZERO;
  }
  for (whole k = 0; k < count; ++k) {
    real *here = f.work + k * width, *ahead = here + width;
    for (whole v = 0; v < width; ++v) ahead[v] = ZERO;
    for (whole x = 0; x < f.states[k]; ++x) {
      const real said = TOLD(k, x), passes = all_passes[k * states + x];
      const real *takes = f.reals + (k * states + x) * values;
      for (whole v = 0; v < values; ++v) {
        const real taking = plus(here[values + v], times(here[v], takes[v]));
        ahead[v] = plus(ahead[v], times(said, times(passes, here[v])));
        ahead[values + v] = plus(ahead[values + v], times(said, taking));
      }
    }
    rescale(ahead, width);
  }
  real *before = f.work + count * width, *back = before + width;
  for (whole v = 0; v < values; ++v) {
    const real said = TOLD(count, v);
    FRESH(count, v) = plus(before[values + v], times(before[v], rest));
    back[v] = times(said, rest);
    back[values + v] = said;
  }
  for (whole k = count - 1; k >= 0; --k) {
    const real *here = f.work + k * width;
    for (whole v = 0; v < width; ++v) before[v] = ZERO;
    for (whole x = 0; x < f.states[k]; ++x) {
      const real said = TOLD(k, x), passes = all_passes[k * states + x];
      const real *takes = f.reals + (k * states + x) * values;
      real total = ZERO;
      for (whole v = 0; v < values; ++v) {
        const real taken = back[values + v];
        const real follows = plus(times(passes, back[v]), times(takes[v], taken));
        total = plus(total, plus(times(here[v], follows), times(here[values + v], taken)));
        before[v] = plus(before[v], times(said, follows));
        before[values + v] = plus(before[values + v], times(said, taken));
      }
      FRESH(k, x) = total;
    }
    rescale(before, width);
    for (whole v = 0; v < width; ++v) back[v] = before[v];
  }
}

__device__ static void parity(const Factor& f) {
  real even = ONE, odd = ZERO;
  for (whole k = 0; k < f.arity; ++k) {
    f.work[2 * k] = even;
    f.work[2 * k + 1] = odd;
    const real no = TOLD(k, 0), yes = TOLD(k, 1), was = even;
    even = plus(times(even, no), times(odd, yes));
    odd = plus(times(odd, no), times(was, yes));
  }
  even = f.ints[0] ? ZERO : ONE;
  odd = f.ints[0] ? ONE : ZERO;
  for (whole k = f.arity - 1; k >= 0; --k) {
    const real before = f.work[2 * k], after = f.work[2 * k + 1];
    const real no = TOLD(k, 0), yes = TOLD(k, 1), was = even;
    FRESH(k, 0) = plus(times(before, even), times(after, odd));
    FRESH(k, 1) = plus(times(before, odd), times(after, even));
    even = plus(times(even, no), times(odd, yes));
    odd = plus(times(odd, no), times(was, yes));
  }
}

__device__ static void different_exactly(const Factor& f) {
  const whole values = f.states[0], width = (whole)1 << values;
  for (whole s = 0; s < width; ++s) f.work[s] = s ? ZERO : ONE;
  for (whole k = 0; k + 1 < f.arity; ++k) {
    const real* here = f.work + k * width;
    real* ahead = f.work + (k + 1) * width;
    for (whole s = 0; s < width; ++s) {
      real total = ZERO;
      for (whole x = 0; x < values; ++x)
        if (s >> x & 1) total = plus(total, times(here[s & ~((whole)1 << x)], TOLD(k, x)));
      ahead[s] = total;
    }
    rescale(ahead, width);
  }
  real *back = f.work + f.arity * width, *before = back + width;
  for (whole s = 0; s < width; ++s) back[s] = ONE;
  for (whole k = f.arity - 1; k >= 0; --k) {
    const real* here = f.work + k * width;
    for (whole x = 0; x < values; ++x) FRESH(k, x) = ZERO;
    for (whole s = 0; s < width; ++s) {
      real total = ZERO;
      for (whole x = 0; x < values; ++x) {
        if (s >> x & 1) continue;
        const real value = back[s | (whole)1 << x];
        FRESH(k, x) = plus(FRESH(k, x), times(here[s], value));
        total = plus(total, times(value, TOLD(k, x)));
      }
      before[s] = total;
    }
    rescale(before, width);
    for (whole s = 0; s < width; ++s) back[s] = before[s];
  }
}

__device__ static void place_one(const Factor& f, whole x, const real* here, real* ahead) {
  for (whole s = 0; s < (whole)1 << f.arity; ++s) {
    real total = here[s];
    for (whole k = 0; k < f.arity; ++k)
      if (s >> k & 1) total = plus(total, times(here[s & ~((whole)1 << k)], TOLD(k, x)));
    ahead[s] = total;
  }
}

__device__ static void different_value_by_value(const Factor& f) {
  const whole values = f.states[0], width = (whole)1 << f.arity;
  real *after = f.work + (values + 1) * width, *before = after + width;
  for (whole s = 0; s < width; ++s) f.work[s] = after[s] = s ? ZERO : ONE;
  for (whole x = 0; x < values; ++x)
    place_one(f, x, f.work + x * width, f.work + (x + 1) * width);
  for (whole x = values - 1; x >= 0; --x) {
    for (whole k = 0; k < f.arity; ++k) {
      real total = ZERO;
      for (whole s = 0; s < width; ++s)
        if (!(s >> k & 1))
          total = plus(total,
                       times(f.work[x * width + s], after[(width - 1) & ~s & ~((whole)1 << k)]));
      FRESH(k, x) = total;
    }
    place_one(f, x, after, before);
    for (whole s = 0; s < width; ++s) after[s] = before[s];
  }
}

__device__ static real join(real a, real b) {
  const real high = a > b ? a : b, low = a > b ? b : a;
#if IS_MAX
  return high;
#else
  return low == NEVER || high == -NEVER ? high : high + log1p(exp(low - high));
#endif
}

__device__ static real log_of(real value) {
#if IS_MAX
  return value;
#else
  return value > (real)0 ? log(value) : NEVER;
#endif
}

__device__ static void different_by_values(const Factor& f) {
  const whole values = f.states[0], total = f.arity * values;
  const bool exactly = f.arity == values;
  real *logs = f.work, *odds = logs + total, *back = odds + total, *ahead = back + total;
  for (whole k = 0; k < f.arity; ++k)
    for (whole x = 0; x < values; ++x) {
      logs[k * values + x] = log_of(TOLD(k, x));
      back[k * values + x] = (real)0;
    }
  for (int round = 0; round < 40; ++round) {
    for (whole k = 0; k < f.arity; ++k) {
      const whole row = k * values;
      ahead[0] = NEVER;
      for (whole x = 0; x < values; ++x)
        ahead[x + 1] = join(ahead[x], logs[row + x] + back[row + x]);
      real after = NEVER;
      for (whole x = values - 1; x >= 0; --x) {
        const real against = join(ahead[x], after);
        real value = logs[row + x];
        if (value > NEVER) value = against == NEVER ? -NEVER : value - against;
        odds[row + x] = value;
        after = join(after, logs[row + x] + back[row + x]);
      }
    }
    real moved = (real)0;
    for (whole x = 0; x < values; ++x) {
      ahead[0] = NEVER;
      for (whole k = 0; k < f.arity; ++k) ahead[k + 1] = join(ahead[k], odds[k * values + x]);
      real after = NEVER;
      for (whole k = f.arity - 1; k >= 0; --k) {
        const real rivals = join(ahead[k], after);
        real found = exactly ? -rivals : -join(rivals, (real)0);
        found = found > (real)1e6 ? (real)1e6 : found < (real)-1e6 ? (real)-1e6 : found;
        const whole place = k * values + x;
        moved = larger(moved, fabs(found - back[place]));
        after = join(after, odds[place]);
        back[place] = IS_MAX ? (real)0.5 * (back[place] + found) : found;
      }
    }
    if (moved < (real)1e-12) break;
  }
  for (whole k = 0; k < f.arity; ++k) {
    real high = NEVER;
    for (whole x = 0; x < values; ++x) high = larger(high, back[k * values + x]);
    for (whole x = 0; x < values; ++x) {
      const real value = back[k * values + x];
      FRESH(k, x) = IS_MAX ? value : exp(value - high);
    }
  }
}

__device__ static void different(const Factor& f) {
  if (f.states[0] < f.arity) {
    for (whole k = 0; k < f.arity; ++k)
      for (whole x = 0; x < f.states[0]; ++x) FRESH(k, x) = ZERO;
  } else if (f.states[0] <= EXACT_VALUES_MAX) {
    different_exactly(f);
  } else if (f.arity <= EXACT_VARIABLES_MAX) {
    different_value_by_value(f);
  } else {
    different_by_values(f);
  }
}

"""
