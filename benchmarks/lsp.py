"""How long the language server takes on a file of 1000 lines, measured from the editor's side.

    python benchmarks/lsp.py

A process is started as an editor starts it. Each question is asked right after a key, and again
when the text has been quiet; the times are from sending the request to having the answer.
"""

import argparse
import statistics
import time
from collections.abc import Callable

from tests.support.language_client import Client, Json, place

NUM_LINES = 1000
URI = "file:///benchmark/main.gm"


def program(num_lines: int) -> str:
    """Write a program with every kind of declaration over and over."""
    lines = [
        *('"""Rooms with sensors."""', "domain Color = {red, green, blue}", "entity Thing:"),
        *('    "What it looks like"', "    color : Color", "    heavy : bool"),
        *("var it : Thing", "param J = 0.9"),
    ]
    number = 0
    while len(lines) < num_lines:
        lines += [
            f'"""Room {number}."""',
            f"var wet{number} : bool ~ Bernoulli(0.{number % 8 + 1})",
            f"var level{number}[4] : 0..9",
            f"def more{number}(a, b) = min(9, a + b)",
            f"model kind{number}(x: Thing) prior 0.1:",
            "    predict x.color = red @ J",
            f"    if wet{number}:",
            "        predict x.heavy = true @ 0.8",
            "for i in 0..<4:",
            f"    level{number}[i] ~ match wet{number}:",
            "        true -> {0: 0.5, rest: _}",
            "        false -> Uniform()",
            f"observe level{number}[0] = more{number}(1, 2)",
            f"constraint sum(level{number}[i] for i in 0..3) > 4 as enough{number}",
            f"query P(wet{number} | it.color = red)",
            "",
        ]
        number += 1
    return "\n".join(lines[:num_lines]) + "\n"


def measure(client: Client, num_rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return the seconds of each question: right after a key, and in a quiet text."""
    options: Json = {"tabSize": 4, "insertSpaces": True}
    questions: dict[str, Callable[[], object]] = {
        "hover": lambda: client.at("hover", URI, 500, 9),
        "definition": lambda: client.at("definition", URI, 500, 9),
        "completion": lambda: client.at("completion", URI, 500, 9),
        "completion after a point": lambda: client.at("completion", URI, 13, 14),
        "signature": lambda: client.at("signatureHelp", URI, 20, 28),
        "highlights": lambda: client.at("documentHighlight", URI, 7, 6),
        "uses": lambda: client.at("references", URI, 7, 6, context={"includeDeclaration": True}),
        "prepare rename": lambda: client.at("prepareRename", URI, 7, 6),
        "rename": lambda: client.at("rename", URI, 7, 6, newName="strength"),
        "outline": lambda: client.about("documentSymbol", URI),
        "folding": lambda: client.about("foldingRange", URI),
        "formatting": lambda: client.about("formatting", URI, options=options),
        "diagnostics": lambda: client.diagnostics(URI),
    }
    found: dict[str, tuple[list[float], list[float]]] = {}
    for name, ask in questions.items():
        typed: list[float] = []
        quiet: list[float] = []
        for number in range(num_rounds):
            client.change(URI, {"range": place(999, 0, 0 if number % 2 == 0 else 1), "text": "#"})
            typed.append(timed(ask))
            if name != "diagnostics":
                client.diagnostics(URI)
                quiet.append(timed(ask))
        found[name] = typed, quiet
    return found


def timed(ask: Callable[[], object]) -> float:
    """Return how many seconds a question takes."""
    start = time.perf_counter()
    ask()
    return time.perf_counter() - start


def main() -> None:
    """Print a table of medians and worst times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    client = Client()
    start = time.perf_counter()
    client.open(URI, program(NUM_LINES))
    client.diagnostics(URI)
    print(f"opened and checked in {(time.perf_counter() - start) * 1000:.0f} ms")
    print("| question | right after a key: median, worst (ms) | quiet: median, worst (ms) |")
    print("|---|---|---|")
    for name, series in measure(client, rounds).items():
        cells = [
            f"{statistics.median(times) * 1000:.0f}, {max(times) * 1000:.0f}" if times else ""
            for times in series
        ]
        print(f"| {name} | {cells[0]} | {cells[1]} |")
    client.leave()


if __name__ == "__main__":
    main()
