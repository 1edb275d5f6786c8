"""`ringcast shop demo`: the whole story, the same on every runtime, with WAVs, JSON and a page of what was seen."""

import json
import wave

import pytest
from headend.accounts.engine import open_database
from headend.shop.core import Shop
from settop.errors import LocalError
from testbed.runtimes import RuntimeUnavailable
from testbed.systems.shop import story
from testbed.systems.shop.report import to_json
from testbed.systems.shop.story import play

from tests.helpers.commands import ringcast
from tests.helpers.shop import MASTER, cheap_passwords


def played(runtime, folder, seed=3):
    """What the story showed, and its JSON without the runtime's name."""
    engine = open_database(f"{folder / 'shop.db'}")
    try:
        seen = play(runtime, seed, Shop(engine, MASTER, cheap_passwords()), MASTER, folder, print)
    finally:
        engine.dispose()
    assert not [check for check in seen.checks if not check[1]], seen.checks
    for name, (
        rate,
        samples,
    ) in seen.sounds.items():  # counted from the run's start, also where machines run by themselves
        assert len(samples) <= (seen.end_ms + 1000) * rate / 1000
        assert all(0 < one.from_ms < one.to_ms < seen.end_ms + 1000 for one in seen.heard[name])
    told = to_json(seen)
    assert told.pop("runtime") == runtime
    return seen, told


def test_the_command_tells_the_story_and_writes_what_was_heard(tmp_path):
    out, seen = tmp_path / "out", tmp_path / "seen.json"
    words = ["shop", "demo", "--runtime", "cpython", "--out", str(out), "--json", str(seen)]
    done = ringcast(*words)
    assert done.status == 0, done.err
    told = json.loads(seen.read_text())
    assert [one["units"] for one in told["balances"]] == [100, 70, 70, 70]
    assert [one["way"] for one in told["copies"]] == ["bought", "own", "tenth"]
    assert [len(told["heard"][name]) for name in ("living", "bedroom", "player", "stranger")] == [2, 1, 4, 0]
    assert len(told["adversaries"]) == 24 and all(check["held"] for check in told["checks"])
    assert all(one["got"] == "nothing" and one["times"] and one["control"] for one in told["adversaries"])
    for name, heard in (("living", True), ("bedroom", True), ("player", True), ("stranger", False)):
        with wave.open(str(out / f"heard-{name}.wav")) as file:
            assert any(file.readframes(file.getnframes())) == heard
    page = (out / "report.html").read_text()
    assert "What each adversary got" in page and "Balances" in page and "<svg" in page
    assert "as it should be" in done.out and "Traceback" not in done.err


def test_a_runtime_that_is_none_is_refused(tmp_path):
    done = ringcast("shop", "demo", "--runtime", "abacus", "--out", str(tmp_path))
    assert done.status == 1 and "pico, unix, cpython" in done.err


def test_a_story_that_does_not_go_on_says_where(tmp_path, monkeypatch):
    monkeypatch.setattr(story, "UNITS", 20)  # less than the title costs
    with pytest.raises(LocalError, match=r"the title is bought\. shop_refused code=no-units"):
        played("cpython", tmp_path)


def test_a_second_run_in_the_same_database_shows_the_same(tmp_path):
    assert played("cpython", tmp_path)[1] == played("cpython", tmp_path)[1]


def test_on_unix_it_shows_the_same_but_for_what_is_left_out_with_a_reason(tmp_path):
    _, first = played("cpython", tmp_path)
    try:
        _, unix = played("unix", tmp_path)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    for name in ("balances", "copies", "heard", "seed"):
        assert unix[name] == first[name]
    left_out = {one["who"] for one in unix["left_out"]}
    assert first["left_out"] == [] and len(left_out) == 1 and all(one["why"] for one in unix["left_out"])
    assert unix["adversaries"] == [one for one in first["adversaries"] if one["who"] not in left_out]


@pytest.mark.pico
@pytest.mark.long
def test_a_pico_shows_the_same_as_cpython(tmp_path):
    _, cpython = played("cpython", tmp_path)
    try:
        seen, pico = played("pico", tmp_path)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    assert pico == cpython and seen.end_ms > 0
