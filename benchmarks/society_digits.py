"""Two digits that touch: pictures of two digits of MNIST, both of which are to be told.

    python benchmarks/society_digits.py [SCENES [FIRST]]

Asks examples/society/two_digits.gm about so many scenes (200), from the number FIRST on. A scene
has two different digits of the test pictures, 9 to 13 columns apart and up to 3 rows, the darker
ink where both have some. Exemplars are the first 4000 training pictures, blurred by 0.7 pixels.
Right is the most probable pair of different digits. Beside it the same program with one digit,
read twice: its two most probable digits.
"""

import sys
from pathlib import Path
from time import process_time

import numpy as np
from scipy import ndimage

import gmlang

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "examples" / "society" / "two_digits.gm"
DIGITS = ROOT.parent / "shared" / "data" / "mnist_small.npz"
NUM_EXEMPLARS = 4000
CHANCES = np.array([0.0, 0.3, 0.6, 0.9])

BOTH = "P(digit[0].what, digit[1].what | exists(digit[1]), digit[0].what != digit[1].what)"
ONE = "P(digit[0].what | exists(digit[0]))"


def scene(
    pictures: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, set[int]]:
    """Draw two different digits, (40, 44) of booleans, and which they are."""
    one, other = rng.integers(len(labels), size=2)
    while labels[one] == labels[other]:
        other = rng.integers(len(labels))
    right, down = int(rng.integers(9, 14)), int(rng.integers(-3, 4))
    drawn = np.zeros((2, 40, 44))
    drawn[0, 6:34, 2:30] = pictures[one]
    drawn[1, 6 + down : 34 + down, 2 + right : 30 + right] = pictures[other]
    return drawn.max(axis=0) > 127, {int(labels[one]), int(labels[other])}


def exemplars(pictures: np.ndarray) -> np.ndarray:
    """Return the chance of ink at each pixel of each picture, one of `CHANCES`."""
    blurred = ndimage.gaussian_filter(pictures / 255.0, (0, 0.7, 0.7))
    return CHANCES[np.digitize(blurred, (0.15, 0.4, 0.7))]


def alone() -> str:
    """Return the program with one digit."""
    text = PROGRAM.read_text("utf-8").replace("some digit[2]", "some digit[1]")
    return "\n".join(line for line in text.splitlines() if "digit[1]." not in line) + "\n"


def main(count: int = 200, first: int = 0) -> None:
    """Print how many are right."""
    if not DIGITS.exists():
        print(f"two digits: {DIGITS} is not here")
        return
    data = np.load(DIGITS)
    told = {
        "chance": exemplars(data["train_x"][:NUM_EXEMPLARS]),
        "label": data["train_y"][:NUM_EXEMPLARS],
    }
    two, one = (gmlang.compile(text).bind(**told) for text in (PROGRAM.read_text("utf-8"), alone()))
    right, twice, took = 0, 0, 0.0
    for number in range(first, first + count):
        rng = np.random.default_rng((11, number))
        ink, truth = scene(data["test_x"].reshape(-1, 28, 28), data["test_y"], rng)
        start = process_time()
        found = two.bind(ink=ink).query(BOTH, budget_s=600.0, remember=False)
        took += process_time() - start
        assert found.status == "exact"
        best = max(found.value, key=found.value.get)  # pyright: ignore
        right += set(map(int, best.split(", "))) == truth
        read = one.bind(ink=ink).query(ONE, budget_s=600.0, remember=False).value
        surest = sorted(read, key=read.get)[-2:]  # pyright: ignore
        twice += set(map(int, surest)) == truth
        done = number - first + 1
        if done % 10 == 0 or done == count:
            print(
                f"{done} scenes: both right {right / done:.1%}, read twice {twice / done:.1%}; "
                f"{took / done:.2f} s a scene",
                flush=True,
            )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
