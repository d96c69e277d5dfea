"""Draw the picture of each example, from answers to its program.

python examples/gallery/pictures.py [NAME ...]
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from charts import BLUE, GREY, PALE, RED, bars, panels, table
from matplotlib.figure import Figure

import gmlang

HERE = Path(__file__).resolve().parent


def load(name: str) -> gmlang.Model:
    return gmlang.load(HERE / f"{name}.gm")


def chance(model: gmlang.Model, event: str) -> float:
    """Ask for the probability of an event."""
    return float(model.query(f"P({event})").value)


def marginal(model: gmlang.Model, query: str) -> dict[str, float]:
    """Ask for the distribution of one variable."""
    return model.query(query).probabilities


def best(model: gmlang.Model, variable: str, given: str = "") -> np.ndarray:
    """Ask for a variable's states in the best assignment: numbers, or else their names."""
    found = model.query(f"MAP({variable}{' | ' + given if given else ''})").value[variable]
    names = np.array(found)
    if set(names.reshape(-1)) <= {"false", "true"}:
        return (names == "true").astype(float)
    return names if variable == "label" else names.astype(int)


# --- The pictures ------------------------------------------------------------------------


def blickets() -> Figure:
    model, (figure, (ax,)) = load("blickets"), panels(height=1.8)
    given = {
        "before": "",
        "both light it": " | lit_by_both = true",
        "and a alone does": " | lit_by_both = true, lit_by_a = true",
        "and a alone does not": " | lit_by_both = true, lit_by_a = false",
    }
    bars(
        ax, {k: chance(model, f"blicket[b] = true{v}") for k, v in given.items()}, "b is a blicket"
    )
    return figure


def cakes() -> Figure:
    model, (figure, (ax,)) = load("cakes"), panels(width=4)
    possible = np.array(
        [[chance(model, f"banana == {b} and chocolate == {c}") for b in range(5)] for c in range(5)]
    )
    worth = np.array([[400 * b + 450 * c for b in range(5)] for c in range(5)])
    can = np.array(
        [
            [model.query(f"count(| banana = {b}, chocolate = {c})").value == 1 for b in range(5)]
            for c in range(5)
        ]
    )
    texts = [[str(worth[c, b]) if can[c, b] else "" for b in range(5)] for c in range(5)]
    table(ax, texts, np.where(possible > 0.5, 1, 0.25 * can), range(5), range(5))
    ax.set_xlabel("banana cakes", fontsize=9)
    ax.set_ylabel("chocolate cakes", fontsize=9)
    return figure


def carrier() -> Figure:
    model, (figure, (ax,)) = load("carrier"), panels(height=1.6)
    healthy = [", ".join(f"affected[{k}] = false" for k in range(n)) for n in range(4)]
    names = ["no son yet", "one healthy son", "two", "three"]
    given = dict(zip(names, healthy, strict=True))
    chances = {
        k: chance(model, "carrier = true" + (f" | {v}" if v else "")) for k, v in given.items()
    }
    bars(ax, chances, "she carries it")
    return figure


def cheryl() -> Figure:
    text = (HERE / "cheryl.gm").read_text("utf-8")
    start = text.index("observe albert_speaks")
    head, said = text[:start], text[start : text.index("query")].strip().splitlines()
    figure, axes = panels(4, width=9, height=2.1)
    titles = ("Cheryl", "Albert: nor does Bernard", "Bernard: now I do", "Albert: so do I")
    months = ("may", "june", "july", "august")
    for k, (ax, title) in enumerate(zip(axes, titles, strict=True)):
        joint = gmlang.compile(head + "\n".join(said[:k])).query("P(month, day)").probabilities
        alive = np.array([[joint[f"{m}, {d}"] > 0 for d in range(14, 20)] for m in months])
        days = [[str(d) if alive[i, d - 14] else "" for d in range(14, 20)] for i in range(4)]
        table(ax, days, alive * (1 if alive.sum() == 1 else 0.3), months if k == 0 else ())
        ax.set_title(title, fontsize=9, loc="left")
    return figure


def fano() -> Figure:
    lines = np.argwhere(best(load("fano"), "line"))
    figure, (ax,) = panels(width=3.2, height=2.8)
    on = np.zeros((7, 7))
    for row, line in enumerate(lines):
        on[row, line] = 1
    table(ax, [[""] * 7] * 7, 0.9 * on, ["-".join(map(str, line)) for line in lines], range(7))
    return figure


def friends() -> Figure:
    model, (figure, (ax,)) = load("friends"), panels(height=1.7)
    events = {
        "Bob smokes": "smokes[bob] = true",
        "… if Anna, his friend, does": "smokes[bob] = true | "
        "smokes[anna] = true, friends[anna, bob] = true",
        "Anna has cancer if she smokes": "cancer[anna] = true | smokes[anna] = true",
        "… if she does not": "cancer[anna] = true | smokes[anna] = false",
    }
    bars(ax, {k: chance(model, v) for k, v in events.items()})
    return figure


def hike() -> Figure:
    model = load("hike")
    x, y = best(model, "x"), best(model, "y")
    wall = np.asarray(model.session().world.data["wall"])
    figure, (ax,) = panels(width=3.4, height=3)
    texts = [["fall"] * 5 if row == 0 else [""] * 5 for row in range(5)]
    texts[2][4], texts[2][2] = "+10", "+1"
    table(ax, texts, np.where(wall > 0, 0.5, 0))
    ax.plot(x, y, color=RED, linewidth=3, alpha=0.4)
    ax.plot(x[0], y[0], "o", color=RED)
    ax.invert_yaxis()
    return figure


def job_shop() -> Figure:
    model = load("job_shop")
    start, end = best(model, "start"), int(best(model, "length"))
    data = model.session().world.data
    duration, machine = np.asarray(data["duration"]), np.asarray(data["machine"])
    figure, (ax,) = panels(height=2)
    for j in range(3):
        for k in range(3):
            at, length = int(start[j, k]), int(duration[j, k])
            if length:
                ax.barh(
                    machine[j, k], length, left=at, color=(BLUE, RED, GREY)[j], edgecolor="white"
                )
                ax.text(at + length / 2, machine[j, k], f"job {j}", ha="center", va="center",
                        color="white", fontsize=8)  # fmt: skip
    ax.axvline(end, color="black", linewidth=1, linestyle=":")
    ax.set_yticks(range(3), ["cutter", "press", "oven"])
    ax.set_xticks(range(12))
    return figure


def marriage() -> Figure:
    men, women = (
        ("richard", "james", "john", "hugh", "greg"),
        ("helen", "tracy", "linda", "sally", "wanda"),
    )
    rows = load("marriage").query("P(wife)").probabilities
    shade = np.array([[row[w] for w in women] for row in rows])
    figure, (ax,) = panels(width=4, height=2.4)
    texts = [[f"{round(3 * p)} of 3" if p else "" for p in row] for row in shade]
    table(ax, texts, shade, men, women)
    return figure


def mendel() -> Figure:
    model = load("mendel")
    wrong = best(model, "wrong")
    text = (HERE / "mendel.gm").read_text("utf-8")
    rows = [
        line.strip(" ,[]").split("], [") for line in text.splitlines() if line.startswith("    [[")
    ]
    texts = [["" if "_" in cell else cell.replace(", ", "/") for cell in row] for row in rows]
    figure, (ax,) = panels(width=4.4, height=3)
    names = ["father", "mother", "child", "child", "child", "child"]
    table(ax, texts, 0.8 * wrong, [f"family {k + 1}" for k in range(8)], names)
    return figure


def number_game() -> Figure:
    model = load("number_game")
    figure, (left, right) = panels(2, width=9, height=2.4)
    bars(left, marginal(model, "P(rule)"), "the rule, after 16, 8, 2, 64")
    following = model.query("P(number[4])").probabilities
    right.bar([int(v) for v in following], list(following.values()), color=BLUE)
    right.set_xticks([2, 8, 16, 32, 64, 100])
    right.set_title("the next number", fontsize=10, loc="left")
    return figure


def policy() -> Figure:
    model, (figure, (ax,)) = load("policy"), panels(height=2.6)
    worth: dict[str, float] = {}
    for k in range(8):
        taken = [f for i, f in enumerate(("sunny", "cloudy", "rainy")) if k >> i & 1]
        given = ", ".join(
            f"take[{f}] = {str(f in taken).lower()}" for f in ("sunny", "cloudy", "rainy")
        )
        worth[" or ".join(taken) or "never"] = 100 * chance(model, f"success = true | {given}")
    bars(ax, worth, "utility of taking it when the forecast is …")
    return figure


def rational_rules() -> Figure:
    people = [0.77, 0.78, 0.83, 0.64, 0.61, 0.39, 0.41, 0.21, 0.15]
    people += [0.56, 0.41, 0.82, 0.40, 0.32, 0.53, 0.20]
    rows = load("rational_rules").query("P(rule)").probabilities
    model = [row["true"] for row in rows]
    figure, (ax,) = panels(width=3.6, height=3)
    for name, at, colour in (
        ("A", slice(0, 5), BLUE),
        ("B", slice(5, 9), RED),
        ("new", slice(9, 16), GREY),
    ):
        ax.plot(people[at], model[at], "o", color=colour, label=name)
    ax.plot([0, 1], [0, 1], color=PALE, zorder=0)
    ax.set_xlabel("people who say A", fontsize=9)
    ax.set_ylabel("P(rule)", fontsize=9)
    ax.legend(frameon=False, fontsize=8)
    return figure


def reference_game() -> Figure:
    model, (figure, (left, right)) = load("reference_game"), panels(2, width=8, height=2)
    things = ("blue_square", "blue_circle", "green_square")
    words = ("blue", "green", "square", "circle")
    rows = [marginal(model, f"P(word | thing = {t})") for t in things]
    shade = np.array([[row[w] for w in words] for row in rows])
    texts = [[f"{p:.2g}" if p else "" for p in row] for row in shade]
    table(left, texts, shade, [t.replace("_", " ") for t in things], words)
    bars(right, marginal(model, "P(thing | word = blue)"), "she says blue")
    return figure


def river() -> Figure:
    over = best(load("river"), "over")
    figure, (ax,) = panels(width=5, height=1.8)
    table(ax, [[""] * 8] * 3, over.T * 0.8, ["wolf", "goat", "cabbage"], range(8))
    ax.set_title("on the far bank, after so many crossings", fontsize=9, loc="left")
    return figure


def smokers() -> Figure:
    model, (figure, (ax,)) = load("smokers"), panels(height=1.7)
    rows = model.query("P(smokes)").probabilities
    bars(ax, {f"person {k + 1}": row["true"] for k, row in enumerate(rows)}, "smokes")
    return figure


def spelling() -> Figure:
    figure, (ax,) = panels(height=2)
    bars(ax, marginal(load("spelling"), "P(meant)"), "“acress” was meant as")
    return figure


def tiger() -> Figure:
    model, (figure, (ax,)) = load("tiger"), panels(height=1.9)
    plan = {
        "left": {"left": "open right", "right": "listen"},
        "right": {"left": "listen", "right": "open left"},
    }
    chances = {
        f"{a}, {b}: {plan[a][b]}": chance(model, f"tiger = left | heard[0] = {a}, heard[1] = {b}")
        for a in plan
        for b in plan
    }
    bars(ax, chances, "heard: then do, as the tiger is left with")
    return figure


def two_parses() -> Figure:
    model = load("two_parses")
    figure, axes = panels(2, width=8.5, height=2.3)
    words = ("astronomers", "saw", "stars", "with", "ears")
    for ax, given, title in (
        (axes[0], "NP", "the stars have ears: 0.0009072"),
        (axes[1], "none", "seen with ears: 0.0006804"),
    ):
        label = best(model, "label", f"label[2, 5] = {given}")[:, 1:]
        texts = [["" if c == "none" else c for c in row] for row in label]
        table(ax, texts, 0.3 * (label != "none"), words, words)
        ax.set_title(title, fontsize=9, loc="left")
        ax.tick_params(labelsize=8)
    return figure


def umbrella_world() -> Figure:
    rows = load("umbrella_world").query("P(rain | seen = umbrella)").probabilities
    figure, (ax,) = panels(height=2.2)
    rain = [row["true"] for row in rows]
    seen = (True, True, False, True, True)
    ax.bar(range(1, 6), rain, color=[BLUE if u else GREY for u in seen])
    ax.set_xticks(
        range(1, 6), [f"day {d + 1}\n{'umbrella' if u else 'none'}" for d, u in enumerate(seen)]
    )
    ax.set_title("it rained, given all days", fontsize=10, loc="left")
    ax.set_ylim(0, 1)
    return figure


def urns() -> Figure:
    text = (HERE / "urns.gm").read_text("utf-8")
    prior = gmlang.compile(text.replace("observe looked = looks_blue\n", "")).query("P(balls)")
    after = load("urns").query("P(balls)").probabilities
    figure, (ax,) = panels(height=2.4)
    balls = [int(v) for v in after]
    ax.bar(balls, list(after.values()), color=BLUE, label="after ten draws")
    ax.plot(
        balls, list(prior.probabilities.values()), "o-", color=RED, markersize=3, label="before"
    )
    ax.set_xticks(range(1, 20, 2))
    ax.set_xlabel("balls in the urn", fontsize=9)
    ax.legend(frameon=False, fontsize=8)
    return figure


def word_square() -> Figure:
    figure, (ax,) = panels(width=2.6, height=2.4)
    words = [
        line.strip(" ,[]") for line in (HERE / "word_square.gm").read_text("utf-8").splitlines()
    ]
    rows = [
        line.split(", ")
        for line in words
        if line.count(",") == 4 and " " in line and "=" not in line
    ]
    letters = [[c.upper() for c in rows[k]] for k in best(load("word_square"), "row")]
    table(ax, letters, np.full((5, 5), 0.08))
    return figure


def zebra() -> Figure:
    model = load("zebra")
    text = (HERE / "zebra.gm").read_text("utf-8")
    figure, (ax,) = panels(width=6.4, height=2.2)
    kinds = ("Colour", "Nation", "Pet", "Drink", "Smoke")
    cells = [[""] * 5 for _ in kinds]
    for row, kind in enumerate(kinds):
        names = text.split(f"domain {kind} = {{")[1].split("}")[0].split(", ")
        for name, house in zip(names, best(model, kind.lower()), strict=True):
            cells[row][house - 1] = name.replace("_", " ")
    special = np.array(
        [[c in ("water", "zebra", "norwegian", "japanese") for c in row] for row in cells]
    )
    table(
        ax, cells, 0.3 * special, [k.lower() for k in kinds], [f"house {k + 1}" for k in range(5)]
    )
    return figure


PICTURES: dict[str, Callable[[], Figure]] = {
    f.__name__: f
    for f in (
        *(blickets, cakes, carrier, cheryl, fano, friends, hike, job_shop, marriage, mendel),
        *(number_game, policy, rational_rules, reference_game, river, smokers, spelling, tiger),
        *(two_parses, umbrella_world, urns, word_square, zebra),
    )
}


def main() -> None:
    for name in sys.argv[1:] or PICTURES:
        figure = PICTURES[name]()
        figure.savefig(HERE / "pictures" / f"{name}.png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
