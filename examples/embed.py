"""gmlang inside a program: bind data, ask, watch a search, look at what an answer says of itself.

python examples/embed.py
"""

import numpy as np

import gmlang

PROGRAM = """
data noisy[H, W] : bool
param agreement = 0.9
var picture[H, W] : bool
for i in 0..<H, j in 0..<W:
    prefer picture[i, j] == noisy[i, j] weight 1.1
for i in 0..<H - 1, j in 0..<W:
    prefer picture[i, j] == picture[i + 1, j] weight agreement
for i in 0..<H, j in 0..<W - 1:
    prefer picture[i, j] == picture[i, j + 1] weight agreement
"""


def disc(side: int) -> np.ndarray:
    """Draw a filled circle."""
    rows, columns = np.indices((side, side)) - side // 2
    return rows**2 + columns**2 < (side / 3) ** 2


def main() -> None:
    """Take noise off a picture."""
    truth = disc(24)
    noisy = truth ^ (np.random.default_rng(0).random(truth.shape) < 0.15)

    model = gmlang.compile(PROGRAM).bind(noisy=noisy)
    for step in model.search("MAP(picture)", budget_s=60.0):
        print(f"score {step.log_score:.2f}, and none is above {step.log_bound:.2f}")

    answer = model.query("MAP(picture)", budget_s=60.0)
    print(answer.status, f"{(answer.to_numpy() == truth).mean():.1%} of the pixels are right")

    weaker = model.set(agreement=0.3).query("P(picture[0, 0] = true)", budget_s=2.0)
    print(f"P(picture[0, 0] = true) = {weaker.value:.4f}, {weaker.status}")

    try:
        model.query("P(pictures[0, 0])")
    except gmlang.GmError as error:
        print(error)


if __name__ == "__main__":
    main()
