"""The clock that notes comparisons: what it says of a program, against the program that is run tick by tick."""

import random

import pytest
from testbed.machines.noted_clock import Notes, Reading

FAR = 400

DECISIONS = {
    "at or after": lambda now, at: now >= at,
    "after": lambda now, at: now > at,
    "before": lambda now, at: now < at,
    "at or before": lambda now, at: now <= at,
    "the very tick": lambda now, at: now == at,
    "any other tick": lambda now, at: now != at,
    "the other way round": lambda now, at: at <= now,
    "time gone by": lambda now, at: now - at >= 50,
    "time left": lambda now, at: at - now <= 30,
    "time left, added to": lambda now, at: 7 + (at - now) < 12,
    "capped": lambda now, at: max(0, min(10, at - now)),
    "both moving": lambda now, at: now - (now - at) > 3,
    "against each other": lambda now, at: now > at - now,
    "truth": lambda now, at: bool(now - at),
    "blinking": lambda now, at: (now // 7) % 2 == 0,
    "bits": lambda now, at: now & 64 == 0,
    "a branch within a branch": lambda now, at: (now < at and now > at - 20) or now - at == 90,
    "nothing": lambda now, at: at,
}


@pytest.mark.parametrize("name", DECISIONS)
def test_decision_does_not_change_before_the_tick_that_was_noted(name):
    decide = DECISIONS[name]
    for now in range(0, 300, 7):
        for at in (0, 1, 20, 90, 91, 150, 299):
            notes = Notes()
            decided = decide(notes.reading(now), at)
            assert decided == decide(now, at)
            if name == "capped" and 0 < at - now < 10:
                continue  # its answer itself moves
            changes = next((tick for tick in range(1, FAR) if decide(now + tick, at) != decided), None)
            assert changes is None or (notes.due is not None and notes.due <= changes), (now, at, notes.due, changes)


@pytest.mark.parametrize("name", ["at or after", "after", "before", "at or before", "time gone by", "time left"])
def test_comparison_with_a_fixed_tick_is_noted_for_when_it_changes_and_no_sooner(name):
    decide = DECISIONS[name]
    for now in range(0, 300, 7):
        notes = Notes()
        decided = decide(notes.reading(now), 150)
        changes = next((tick for tick in range(1, FAR) if decide(now + tick, 150) != decided), None)
        assert notes.due == changes


def test_reading_that_a_step_left_behind_stands_still_in_the_next():
    first, second = Notes(), Notes()
    kept = first.reading(100)
    first.close()
    now = second.reading(130)
    assert not now - kept > 50
    assert (second.due, first.due) == (21, None)
    assert kept + 1 == 101 and type(kept + 1) is int


def test_readings_are_what_the_same_ints_are():
    rng = random.Random(5)
    for _ in range(500):
        a, b = rng.randrange(-100, 100), rng.randrange(1, 100)
        notes = Notes()
        reading = notes.reading(a)
        assert isinstance(reading, Reading)
        assert (reading + b, b + reading, reading - b, b - reading) == (a + b, b + a, a - b, b - a)
        assert (reading * b, reading // b, reading % b, -reading, abs(reading)) == (a * b, a // b, a % b, -a, abs(a))
        assert (hash(reading), int(reading), f"{reading:d}", str(reading)) == (hash(a), a, str(a), str(a))
        assert (reading & b, reading | b, b ^ reading, reading << 2) == (a & b, a | b, b ^ a, a << 2)
        assert (reading == "now", reading != None) == (False, True)  # noqa: E711
        assert notes.due == 1
