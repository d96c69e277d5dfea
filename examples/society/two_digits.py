"""Two digits of a coarse font, one partly over the other: which are they?"""

from pathlib import Path

import numpy as np

import gmlang

FONT = """
.###. ..#.. .###. ####. ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# ....# ..##. #.... .#... ....# #...# #...#
#...# ..#.. ....# ....# .#.#. ####. #.... ...#. #...# #...#
#...# ..#.. ...#. .###. #..#. ....# ####. ..#.. .###. .####
#...# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....#
#...# ..#.. .#... ....# ...#. #...# #...# .#... #...# ...#.
.###. .###. ##### ####. ...#. .###. .###. .#... .###. .##..
"""
rows = [line.split() for line in FONT.split("\n") if line]
glyphs = np.array([[[dot == "#" for dot in row[d]] for row in rows] for d in range(10)])
glyphs = np.pad(glyphs.repeat(2, axis=1).repeat(2, axis=2), ((0, 0), (1, 1), (1, 1)))

rng = np.random.default_rng(1)
model = gmlang.load(Path(__file__).with_name("two_digits.gm")).bind(
    chance=np.where(glyphs, 0.9, 0.0), label=np.arange(10)
)
for one, other in ((3, 6), (7, 0), (9, 4)):
    ink = np.zeros((20, 24), np.bool_)
    ink[1:17, 2:14] |= glyphs[one]
    ink[3:19, 10:22] |= glyphs[other]
    ink ^= rng.random(ink.shape) < 0.03
    print("\n".join("".join("#" if dot else "." for dot in row) for row in ink))
    exist, pair = model.bind(ink=ink).run(budget_s=20)
    print(exist, pair, sep="\n")
    assert isinstance(pair.value, dict)
    best, _ = max(pair.value.items(), key=lambda item: item[1])
    assert {int(digit) for digit in best.split(", ")} == {one, other}
