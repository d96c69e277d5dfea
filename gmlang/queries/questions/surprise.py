"""surprise: how well the models about a thing explain what was seen of it, and how surely."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from gmlang.core.asking.arguments import need_count, plain
from gmlang.core.ast import Thing
from gmlang.core.checking import Checking
from gmlang.core.expressions.references import check_thing, need_one_thing
from gmlang.core.names.scope import Env
from gmlang.core.print import show_thing
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.errors import asking as errors
from gmlang.errors import later
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.world.places import thing_numbers
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import NO_TIME, Answer
from gmlang.queries.explained.confusion import PART, Thresholds, thresholds_of
from gmlang.queries.explained.explanations import Asking, Explained, explain
from gmlang.queries.explained.sites import nats_of_sites
from gmlang.queries.explained.society import Society, society_about
from gmlang.queries.question import Question, Several
from gmlang.queries.session import Prepared, Session, prepare
from gmlang.queries.settings import Settings
from gmlang.syntax import ast
from gmruntime.answer import Status
from gmruntime.arrays import Float64, Int32
from gmruntime.quality import worst

_METHOD = "confusion"
_OPTIONS = "margin", "gain", "by"

_FIRST_SHARE = 0.4
"""Of the time, for what is explained at first."""

_SAMPLES_SHARE = 0.6
"""Of the time that is then left, for samples; the rest is for searching on."""

_SEARCH_SHARE = 0.9
"""Of what is left then, for searching on; the rest is for each site on its own."""

_SITES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise(Query):
    """How a thing is explained.

    Attributes:
        thing: a single one.
    """

    kind = "surprise"
    names_states = True

    thing: Thing

    def things(self) -> tuple[Thing, ...]:
        """List it."""
        return (self.thing,)

    def about(self) -> str:
        """Name it."""
        return show_thing(self.thing)


class SurpriseAnswer(Answer):
    """The best explanation and the second, the nats of each site, and whether it is confused."""

    __slots__ = ()
    kind = "surprise"

    def lines(self) -> list[str] | None:
        """Write the explanation, what it gains, whether it is confused, and the worst sites."""
        if not isinstance(self.value, dict):
            return None
        return list(_lines(cast("dict[str, object]", self.value)))


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    need_count(state, call, 1, "one thing")
    thing = need_one_thing(state, check_thing(state, env, plain(state, call.arguments[0])))
    return Surprise(call.span, call.span.text, thing=thing)


def _answer(session: Session, query: Surprise, settings: Settings) -> Answer:
    """Explain what was seen of a thing, and say how surely."""
    prepared = prepare(session, query, settings.running())
    evidence, clash = prepared.evidence()
    if clash:
        note = "two observations contradict each other"
        return SurpriseAnswer(query.text, "impossible", note=note)
    return next(_each(prepared, query, evidence[None], settings))


def _each(
    prepared: Prepared,
    query: Surprise,
    rows: Int32[np.ndarray, "rows variables"],
    settings: Settings,
) -> Iterator[Answer]:
    """Explain rows of evidence: together those that have the same sites and all else in common."""
    given, query = _options(query)
    number_of: dict[bytes, int] = {}
    groups: list[list[int]] = []
    by_name = _places(prepared, query.thing)
    left_out = prepared.builder.left_out()
    for name, own in by_name.items():
        if any(v in left_out for v in own.tolist()):
            raise GmError([later.surprise_of_picked(query.span, query.span.text, name)])
    places = np.concatenate([np.zeros(0, np.int32), *by_name.values()])
    for r, row in enumerate(rows):
        key = row.copy()
        key[places] = np.where(row[places] >= 0, 0, -1)
        number = number_of.setdefault(key.tobytes(), len(groups))
        if number == len(groups):
            groups.append([])
        groups[number].append(r)
    answers: dict[int, Answer] = {}
    num_left = len(rows)
    for group in groups:
        share = settings.running().share(len(group) / num_left)
        num_left -= len(group)
        own = replace(settings, budget=share)
        try:
            found = _of_group(prepared, query, given, rows[group], own)
        except TimeoutError:
            # Others may have had their time, or have it still.
            if settings.running().is_spent():
                break
            continue
        answers.update(zip(group, found, strict=True))
    nothing = SurpriseAnswer(query.text, "estimate", note=NO_TIME)
    for r in range(len(rows)):
        yield answers.get(r, nothing)


def _of_group(
    prepared: Prepared,
    query: Surprise,
    given: dict[str, float],
    rows: Int32[np.ndarray, "rows variables"],
    settings: Settings,
) -> list[Answer]:
    """Explain rows that observe the same sites."""
    budget = settings.running()
    society = society_about(prepared, query.thing, rows[0], _by(given), budget)
    seen = rows[:, society.sites.variables]
    asking = Asking(query, settings)
    found = explain(society, seen, asking.sooner(_FIRST_SHARE))
    thresholds, common = _thresholds(society, given, asking)
    notes = [list(common) for _ in found]
    some = [r for r, one in enumerate(found) if one is not None]
    doubted = [r for r in some if _is_doubted(found[r], thresholds)]
    for number, r in enumerate(doubted):
        one = found[r]
        assert one is not None
        own = asking.sooner(_SEARCH_SHARE / (len(doubted) - number))
        found[r], note = _searched_on(society, seen[r], one, own)
        notes[r].append(note)
    explained = [one for one in found if one is not None]
    split = dict(zip(some, nats_of_sites(society, seen[some], explained, asking), strict=True))
    answers: list[Answer] = []
    for r, one in enumerate(found):
        if one is None:
            answers.append(SurpriseAnswer(query.text, "impossible"))
            continue
        its = split[r]
        if its is None:
            notes[r].append("no time for each site on its own")
        status = one.status if its is None else worst((one.status, its[1]))
        active = society.activations(one.best)
        if not all(site.is_known(active) for site in society.reals):
            notes[r].append("what several models, or conditions, say of a real is not normalised")
            status = worst((status, Status.ESTIMATE))
        value = _value(society, seen[r], one, None if its is None else its[0], thresholds)
        note = "; ".join(notes[r])
        answers.append(SurpriseAnswer(query.text, status.value, value, note=note))
    return answers


def _places(prepared: Prepared, thing: Thing) -> dict[str, Int32[np.ndarray, " places"]]:
    """List the variables of each of a thing's attributes."""
    env = environment(prepared.grounder, ONE_INSTANCE)
    number = int(thing_numbers(thing, env).reshape(-1)[0])
    found: dict[str, Int32[np.ndarray, " places"]] = {}
    for name, attribute in prepared.grounding.world.attributes[thing.entity].items():
        size = int(np.prod(attribute.shape, dtype=np.int64))
        found[name] = (int(attribute.starts[number]) + np.arange(size)).astype(np.int32)
    return found


def _options(query: Surprise) -> tuple[dict[str, float], Surprise]:
    """Take what `using confusion(...)` says out of a question.

    Raises:
        GmError: where it has other options, or numbers that mean nothing.
    """
    if query.method != _METHOD:
        return {}, query
    given = dict(query.method_options)
    for name, number in given.items():
        is_by = name == "by"
        if name not in _OPTIONS or isinstance(number, bool):
            raise GmError([errors.bad_confusion(query.span, name, _OPTIONS)])
        if is_by and not (float(number).is_integer() and number >= 0):
            raise GmError([errors.bad_confusion_by(query.span, number)])
    return given, replace(query, method="", method_options=())


def _by(given: dict[str, float]) -> int | None:
    return int(given["by"]) if "by" in given else None


def _thresholds(
    society: Society, given: dict[str, float], asking: Asking
) -> tuple[Thresholds | None, list[str]]:
    """Find from where on it is confused: what is given, else what samples say."""
    if "margin" in given or "gain" in given:
        low = float("-inf")
        return Thresholds(given.get("margin", low), given.get("gain", low)), []
    if not society.sites.names:
        is_real = bool(society.reals)
        return None, ["samples know nothing of reals" if is_real else "nothing is observed of it"]
    if not len(society.choices):
        return None, ["no model about it is open"]
    found = thresholds_of(society, asking.sooner(_SAMPLES_SHARE))
    if found is None:
        return None, ["no time for samples to tell whether it is confused"]
    if found.is_certain:
        return found, []
    return found, ["the samples it is compared with, or how they are explained, are estimates"]


def _is_doubted(found: Explained | None, thresholds: Thresholds | None) -> bool:
    """Say whether an explanation is confused, and more time may find a better one."""
    if found is None or thresholds is None or found.status is Status.EXACT:
        return False
    return thresholds.is_confused(found.margin, found.gain)


def _searched_on(
    society: Society, seen: Int32[np.ndarray, " sites"], found: Explained, asking: Asking
) -> tuple[Explained, str]:
    """Explain a row again with the time that is left; return that, and that it was done."""
    budget = asking.settings.running()
    try:
        budget.check()
        (again,) = explain(society, seen[None], asking)
    except TimeoutError:
        return found, "confused, and too little time was left to search on"
    return again or found, f"confused at first: searched on for {budget.spent_s():.2g} s"


def _value(
    society: Society,
    seen: Int32[np.ndarray, " sites"],
    found: Explained,
    nats: Float64[np.ndarray, " sites"] | None,
    thresholds: Thresholds | None,
) -> dict[str, object]:
    """Write an explanation as plain data; the worst sites first."""
    sites, active = society.sites, society.activations(found.best)
    rows: list[dict[str, object]] = [
        {"site": site.name, "value": site.value, "nats": site.gain(active)}
        for site in society.reals
    ]
    total = found.gain + sum(site.gain(active) for site in society.reals)
    if nats is not None:
        for k, (name, its) in enumerate(zip(sites.names, nats.tolist(), strict=True)):
            rows.append({"site": name, "value": sites.label(k, int(seen[k])), "nats": its})
    rows.sort(key=lambda row: cast("float", row["nats"]))
    value: dict[str, object] = {
        "best": society.active(found.best),
        "second": None if found.second is None else society.active(found.second),
        "total": total,
        "margin": found.margin,
        "confused": None,
    }
    if thresholds is not None:
        value["confused"] = thresholds.is_confused(found.margin, found.gain)
        value["thresholds"] = {
            "margin": thresholds.margin,
            "gain": thresholds.gain,
            "samples": thresholds.num_samples,
        }
    value["sites"] = rows
    return value


def _lines(value: dict[str, object]) -> Iterator[str]:
    best = ", ".join(cast("list[str]", value["best"])) or "no model"
    margin, second = cast("float", value["margin"]), value["second"]
    if second is None:
        yield f"{best}; no other explanation"
    else:
        other = ", ".join(cast("list[str]", second)) or "no model"
        yield f"{best}; then {other}, {margin:.6g} nats behind"
    yield f"{cast('float', value['total']):.6g} nats more than the background"
    yield _confused_line(value)
    sites = cast("list[dict[str, object]]", value["sites"])
    for site in sites[:_SITES_SHOWN]:
        # Differences of logs: what is left of rounding is no nats.
        nats = round(cast("float", site["nats"]), 12) + 0.0
        yield f"{site['site']} = {site['value']}   {nats:.6g}"
    if len(sites) > _SITES_SHOWN:
        yield f"... {len(sites) - _SITES_SHOWN} more, each explained better"


def _confused_line(value: dict[str, object]) -> str:
    if value["confused"] is None:
        return "not known whether it is confused"
    its = cast("dict[str, float]", value["thresholds"])
    word = "confused" if value["confused"] else "not confused"
    bounds = f"a margin below {its['margin']:.6g} or a gain below {its['gain']:.6g}"
    if its["samples"]:
        return f"{word}: {PART:.0%} each of {its['samples']} samples have {bounds}"
    return f"{word}: {bounds} would be" if not value["confused"] else f"{word}: {bounds}"


SURPRISE = Question(
    word="surprise",
    help="how well what was seen of a thing is explained",
    shortest="surprise(it)",
    form="surprise(it)",
    example="entity Thing:\n"
    "    big : bool\n"
    "    red : bool\n"
    "model house(x: Thing) prior 0.3:\n"
    "    predict x.big = true @ 0.9\n"
    "model rose(x: Thing) prior 0.3:\n"
    "    predict x.red = true @ 0.9\n"
    "var it : Thing\n"
    "consider house(it), rose(it)\n"
    "observe it.big, not it.red\n"
    "query surprise(it)\n",
    check=_check,
    kinds=((Surprise, SurpriseAnswer),),
    answered=Several(_answer, each=_each),
)
