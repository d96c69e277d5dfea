"""Which engine runs next: by what each has brought for the time it took."""

from dataclasses import dataclass

from gmruntime.engine import Engine, Report

# Every so many turns the engine that waited longest goes, whatever it brought so far.
_TURNS_BETWEEN_TRIALS = 4

# How fast an engine's past is forgotten, per turn of its own.
MEMORY = 0.4


@dataclass(slots=True, eq=False)
class Entry:
    """An engine and what is known of it.

    Attributes:
        engine: the engine.
        rate: of gain, nats a second, recent turns counting most; infinite before the first.
        waited: turns since it last ran.
        finished: it has nothing more to do.
        turns: how often it ran.
        busy: it is running.
        expected_s: seconds until it has its proof, as it said itself.
    """

    engine: Engine
    rate: float = float("inf")
    waited: int = 0
    finished: bool = False
    turns: int = 0
    busy: bool = False
    expected_s: float = float("inf")


@dataclass(slots=True, eq=False)
class Roster:
    """The engines that work towards one thing on one piece.

    Attributes:
        entries: the engines; another roster may have them as well.
        steady: the one that may have every other turn, since what it brings it brings at the end.
        patient: starting an engine takes long, so one that gains shares its turns with new ones.
        turns: how often one was picked.
    """

    entries: list[Entry]
    steady: Entry | None = None
    patient: bool = False
    turns: int = 0


def roster_of(engines: list[Engine]) -> Roster:
    """List engines in the order in which they should be tried first."""
    return Roster([Entry(engine) for engine in engines])


def pick(roster: Roster, worth: float = 0.0, left_s: float = 0.0) -> Entry | None:
    """Choose the engine that gains fastest, or now and then the one that waited longest.

    One that will have its proof in the time that is left goes before all others; then those that
    never ran, which a patient roster delays every other turn while another gains at more than the
    rate `worth`, nats a second. The steady one has every other turn unless another gains so much.
    """
    ready = [entry for entry in roster.entries if not entry.finished and not entry.busy]
    if not ready:
        return None
    roster.turns += 1
    steady = roster.steady
    new = [entry for entry in ready if entry.turns == 0]
    known = [entry for entry in ready if entry.turns > 0]
    others = max((entry.rate for entry in known if entry is not steady), default=0.0)
    sure = min(ready, key=lambda entry: entry.expected_s)
    if sure.expected_s < left_s:
        chosen = sure
    elif new and not (roster.patient and others > worth and roster.turns % 2 == 0):
        chosen = new[0]
    elif steady is not None and steady in known and roster.turns % 2 == 0 and others < worth:
        chosen = steady
    elif roster.turns % _TURNS_BETWEEN_TRIALS == 1:
        chosen = max(known, key=lambda entry: entry.waited)
    else:
        chosen = max(known, key=lambda entry: (entry.rate, entry.waited))
    for entry in ready:
        entry.waited += 1
    chosen.waited = 0
    chosen.busy = True
    return chosen


def credit(entry: Entry, report: Report, gain: float, seconds: float) -> None:
    """Note what a turn brought."""
    entry.busy = False
    entry.finished = report.finished
    entry.expected_s = report.expected_s
    entry.turns += 1
    rate = gain / max(seconds, 1e-4)
    entry.rate = rate if entry.turns == 1 else MEMORY * entry.rate + (1.0 - MEMORY) * rate
