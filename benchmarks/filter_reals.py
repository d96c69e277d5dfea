"""A Kalman filter found in the text of a program, beside filterpy, which has its matrices.

    python benchmarks/filter_reals.py [STEPS]

Times are of the processor, loops compiled before: a step with its answers, one by one and all at
once, the memory that grows meanwhile, and what all losses together are off from -log Z.
"""

# pyright: reportAttributeAccessIssue=false

import sys
from time import process_time

import numpy as np

import gmlang

PROGRAM = """
data y[T, 2] : real
var x[T] : real
var v[T] : real
var z[T] : real
var w[T] : real
x[0] ~ Normal(0, 10)
v[0] ~ Normal(0, 1)
z[0] ~ Normal(0, 10)
w[0] ~ Normal(0, 1)
for t in 1..<T:
    x[t] ~ Normal(x[t-1] + v[t-1], 0.05)
    v[t] ~ Normal(v[t-1], 0.1)
    z[t] ~ Normal(z[t-1] + w[t-1], 0.05)
    w[t] ~ Normal(w[t-1], 0.1)
for t in 0..<T:
    observe y[t, 0] ~ Normal(x[t], 0.2)
    observe y[t, 1] ~ Normal(z[t], 0.2)
"""
ASKED = ("P(x[t])", "P(z[t])")
WARM = 200
PAGE_BYTES = 4096


def memory_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE_BYTES / 1e6


def drawn(num_steps: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    speed = np.zeros((num_steps, 2))
    place = np.zeros((num_steps, 2))
    for t in range(1, num_steps):
        place[t] = 0.99 * place[t - 1] + speed[t - 1] + 0.05 * rng.normal(size=2)
        speed[t] = 0.9 * speed[t - 1] + 0.1 * rng.normal(size=2)
    return place + 0.2 * rng.normal(size=place.shape)


def beside(y: np.ndarray) -> tuple[float, float]:
    """Return log Z and the time of a step of filterpy."""
    from filterpy.kalman import KalmanFilter

    kalman = KalmanFilter(dim_x=4, dim_z=2)
    kalman.x, kalman.P = np.zeros(4), np.diag([100.0, 1.0, 100.0, 1.0])
    block = np.array([[1.0, 1.0], [0.0, 1.0]])
    kalman.F = np.kron(np.eye(2), block)
    kalman.Q = np.diag([0.05, 0.1, 0.05, 0.1]) ** 2
    kalman.H = np.array([[1.0, 0, 0, 0], [0, 0, 1.0, 0]])
    kalman.R = 0.04 * np.eye(2)
    total, start_s = 0.0, process_time()
    for t, row in enumerate(y):
        if t:
            kalman.predict()
        kalman.update(row)
        total += kalman.log_likelihood
    return total, (process_time() - start_s) / len(y)


def main() -> None:
    num_steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    y = drawn(num_steps)
    model = gmlang.compile(PROGRAM)
    follow = model.filter(ask=ASKED)
    for row in y[:WARM]:
        follow.step(y=row)
    before_mb, start_s = memory_mb(), process_time()
    for row in y[WARM:]:
        follow.step(y=row)
    each_s = (process_time() - start_s) / max(1, num_steps - WARM)
    print(f"step: {1e6 * each_s:.1f} us, memory grows by {memory_mb() - before_mb:.1f} MB")
    many = model.filter(ask=ASKED)
    start_s = process_time()
    found = many.update(y=y)
    print(f"update: {1e6 * (process_time() - start_s) / num_steps:.1f} us")
    whole = model.bind(y=y).query("logZ()").value
    assert isinstance(whole, float)
    print(f"log Z {whole:.6f}, steps off by {follow.log_z - whole:.1e}, ", end="")
    print(f"losses by {follow.total_log_loss + whole:.1e}, update by {found.log_z[-1] - whole:.1e}")
    try:
        other, other_s = beside(y)
    except ImportError:
        print("filterpy is not installed")
        return
    print(f"filterpy: {1e6 * other_s:.1f} us a step ({other_s / each_s:.1f} times), ", end="")
    print(f"log Z off by {other - whole:.1e}")


if __name__ == "__main__":
    main()
