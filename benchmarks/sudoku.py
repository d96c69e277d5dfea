"""Claim: sudokus of 17 clues, and minimal ones, are solved and proved in under 0.3 s each.

    python benchmarks/sudoku.py [--puzzles 50]

Puzzles of 17 clues are so rare that they are not found by removing clues; these are the one of
`examples/sudoku.gm` under random symmetries of the game (digits renamed, rows and columns permuted
within and among bands, transposed), which no solver that has no table of puzzles can tell from
fresh ones. The minimal puzzles start from a random grid and lose clues while the solution stays the
only one. Every answer is checked against the rules and the clues.
"""

import argparse
import re
import time
from pathlib import Path

import numpy as np

import gmlang

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = (ROOT / "examples" / "sudoku.gm").read_text("utf-8")
QUERY = "MAP(cell)"


def example() -> np.ndarray:
    """Return the puzzle that stands in the example; 0 marks an empty cell."""
    digits = re.findall(r"\d", PROGRAM.split("= [[", 1)[1].split("]]", 1)[0])
    return np.array(digits, np.int64).reshape(9, 9)


def disguised(puzzle: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apply a random symmetry of the game."""
    digits = np.concatenate([[0], 1 + rng.permutation(9)])
    lines = [
        np.concatenate([3 * band + rng.permutation(3) for band in rng.permutation(3)])
        for _ in range(2)
    ]
    moved = digits[puzzle][lines[0]][:, lines[1]]
    return moved.T if rng.random() < 0.5 else moved


def is_solution(puzzle: np.ndarray, grid: np.ndarray) -> bool:
    """Check a full grid against the rules and the clues."""
    boxes = grid.reshape(3, 3, 3, 3).swapaxes(1, 2).reshape(9, 9)
    groups = np.concatenate([grid, grid.T, boxes])
    rules = (np.sort(groups, axis=1) == np.arange(1, 10)).all()
    return bool(rules and ((puzzle == 0) | (puzzle == grid)).all())


def num_solutions(puzzle: np.ndarray, most: int) -> int:
    """Count solutions up to `most` by plain backtracking on the cell with the fewest digits."""
    best, choices = None, list(range(10))
    for row, column in np.argwhere(puzzle == 0):
        top, left = 3 * (row // 3), 3 * (column // 3)
        used = {*puzzle[row], *puzzle[:, column], *puzzle[top : top + 3, left : left + 3].flat}
        free = [digit for digit in range(1, 10) if digit not in used]
        if len(free) < len(choices):
            best, choices = (row, column), free
        if len(free) < 2:
            break
    if best is None:
        return 1
    found = 0
    for digit in choices:
        puzzle[best] = digit
        found += num_solutions(puzzle, most - found)
        if found >= most:
            break
    puzzle[best] = 0
    return found


def minimal(rng: np.random.Generator, model: gmlang.Model) -> np.ndarray:
    """Make a puzzle none of whose clues can be left out."""
    first = np.zeros((9, 9), np.int64)
    first[0] = 1 + rng.permutation(9)
    full = disguised(model.bind(given=first).query(QUERY).to_numpy().astype(np.int64), rng)
    puzzle = full.copy()
    for place in rng.permutation(81):
        clue = puzzle.flat[place]
        puzzle.flat[place] = 0
        if num_solutions(puzzle.copy(), 2) > 1:
            puzzle.flat[place] = clue
    return puzzle


def main() -> None:
    """Solve both kinds and print how long each took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--puzzles", type=int, default=50)
    count = parser.parse_args().puzzles
    model = gmlang.compile(PROGRAM)
    rng = np.random.default_rng(0)
    kinds = {
        "17 clues": [disguised(example(), rng) for _ in range(count)],
        "minimal": [minimal(rng, model) for _ in range(count)],
    }
    for name, puzzles in kinds.items():
        seconds: list[float] = []
        solved = 0
        for puzzle in puzzles:
            start = time.perf_counter()
            answer = model.bind(given=puzzle).query(QUERY, budget_s=5.0)
            seconds.append(time.perf_counter() - start)
            solved += answer.status == "exact" and is_solution(puzzle, answer.to_numpy())
        clues = np.mean([(puzzle > 0).sum() for puzzle in puzzles])
        print(
            f"{name}: {clues:.1f} clues, {solved} of {count} solved and proved, "
            f"median {np.median(seconds):.3f} s, longest {max(seconds):.3f} s"
        )


if __name__ == "__main__":
    main()
