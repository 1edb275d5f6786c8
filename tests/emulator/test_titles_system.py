"""Titles on the bench: scenarios and the demonstration, what their judges see and what they must not let pass."""

import dataclasses
import json
import wave
from pathlib import Path

import numpy as np
import pytest
from settop.errors import LocalError
from testbed.machines.codec.sound import Sound
from testbed.scenario.outcome import check_expectations, run_json
from testbed.scenario.plan import ActionPlan, load_plan
from testbed.scenario.runner import run_plan
from testbed.scenario.sounds.hearing import listen, offset_of
from testbed.scenario.sounds.tune import melody
from testbed.systems.registry import find_system
from testbed.systems.titles import judging, setup
from testbed.systems.titles.demo import demo_plan
from testbed.systems.titles.plan import TitlePlan, TitlesExpect, TitlesPlan
from testbed.terminals import find_runtime

from tests.helpers.commands import ringcast

SCENARIOS = Path(__file__).parents[2] / "scenarios"
MS = 1_000_000


def played(plan, tmp_path, runtime="cpython", system=None):
    plan = dataclasses.replace(plan, runtime=runtime)
    return run_plan(plan, find_runtime(runtime, network=system is not None), tmp_path)


def missed(run):
    return [f"{check.what} ({check.seen})" for check in check_expectations(run) if not check.passed]


def play_at(at_s, action, argument=""):
    return ActionPlan(at_s, "T1", action, argument)


SHORT = (TitlePlan("song", 1.0),)
HEARD = TitlesPlan(
    titles=SHORT,
    seconds=2.0,
    actions=(play_at(0.1, "license", "song"), play_at(0.3, "play", "song")),
    expects=(TitlesExpect("T1", heard=("song",), dark=0, seconds=1.0),),
)


@pytest.mark.parametrize("name", ["titles-board", "titles-network"])
def test_the_scenarios_are_seen_as_they_expect(name, tmp_path):
    run = played(load_plan(SCENARIOS / f"{name}.toml", find_system), tmp_path)
    assert missed(run) == []


@pytest.mark.parametrize("scheme", ["cenc", "cbcs"])
def test_the_demo_is_silent_without_the_key_and_every_sample_the_clear_files_with_it(scheme, tmp_path):
    run = played(demo_plan("cpython", scheme=scheme), tmp_path)
    (terminal,) = run.terminals
    assert missed(run) == [] and [heard.equal for heard in terminal.heard] == [1.0]
    with wave.open(str(tmp_path / "heard.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        rate = file.getframerate()
    quiet = samples[: round(1.6 * rate)]
    assert not quiet.any(), "the title was played at 0.2 s, and there was no key until 1.2 s"
    assert np.abs(samples[round(1.8 * rate) : round(2.0 * rate)]).max() > 3000


def test_the_same_seed_says_the_same_and_another_one_not(tmp_path):
    told = []
    for number, seed in enumerate((1, 1, 2)):
        run = played(dataclasses.replace(HEARD, seed=seed), tmp_path / str(number))
        told.append(run_json(run, check_expectations(run)))
    assert told[0] == told[1] != told[2]


def test_what_a_run_shows_has_neither_key_nor_path(tmp_path):
    run = played(HEARD, tmp_path)
    key = run.titles["song"].key
    text = run_json(run, check_expectations(run))
    assert key.hex() not in text and str(tmp_path) not in text and key.hex() not in repr(run)
    for event in run.terminals[0].station.console:
        assert key.hex() not in event.text


@pytest.mark.parametrize("codec", ["mp3", "adpcm"])
@pytest.mark.parametrize("scheme", ["cenc", "none"])
def test_other_codecs_are_heard_to_the_sample(codec, scheme, tmp_path):
    actions = HEARD.actions if scheme != "none" else HEARD.actions[1:]
    run = played(dataclasses.replace(HEARD, titles=(TitlePlan("song", 1.0, codec, scheme),), actions=actions), tmp_path)
    assert missed(run) == [] and run.terminals[0].heard[0].equal == 1.0


# --- judges that would see it -----------------------------------------------------------------------------------------


def test_a_title_that_sounds_without_its_key_is_seen(tmp_path, monkeypatch):
    """A head-end that forgets to encrypt."""
    monkeypatch.setattr(setup, "lock_of", lambda *words: None)
    run = played(dataclasses.replace(HEARD, actions=HEARD.actions[1:]), tmp_path)
    assert [text for text in missed(run) if "without its key" in text]


def test_a_wrong_key_is_noise_and_seen(tmp_path, monkeypatch):
    line = setup.licence_line
    monkeypatch.setattr(
        setup, "licence_line", lambda device, terminal, kid, key: line(device, terminal, kid, bytes(16))
    )
    run = played(dataclasses.replace(HEARD, titles=(TitlePlan("song", 1.0, "adpcm"),)), tmp_path)
    assert [text for text in missed(run) if "is a title's sound" in text], missed(run)


def test_a_licence_for_another_terminal_leaves_it_dark(tmp_path, monkeypatch):
    line = setup.licence_line
    monkeypatch.setattr(setup, "licence_line", lambda device, *more: line(bytes(32), *more))
    run = played(HEARD, tmp_path)
    assert judging.told(run, run.terminals[0], "title_dark") and not run.terminals[0].heard
    assert len(missed(run)) == 3


def test_a_licence_outlives_a_power_cut_in_mid_title(tmp_path):
    cut = (play_at(0.8, "power_cut"), play_at(1.0, "power_on"), play_at(1.5, "play", "song"))
    run = played(dataclasses.replace(HEARD, seconds=3.5, actions=(*HEARD.actions, *cut), expects=()), tmp_path)
    first, second = run.terminals[0].heard
    assert missed(run) == [] and first.equal == second.equal == 1.0
    assert first.seconds < 0.8 and second.seconds > 1.0


def test_an_underrun_is_told_from_a_pause(tmp_path):
    pause = (play_at(0.8, "pause"), play_at(1.5, "resume"))
    run = played(dataclasses.replace(HEARD, seconds=3.0, actions=(*HEARD.actions, *pause)), tmp_path)
    (terminal,) = run.terminals
    assert len(terminal.heard[0].gaps) == 1 and judging.underruns(run, terminal) == [] and missed(run) == []
    slow = dataclasses.replace(HEARD, where="network", rate_kbit_s=100, seconds=4.0)
    run = played(slow, tmp_path, system="network")
    assert judging.underruns(run, run.terminals[0]), "128 kbit/s do not come over 100"
    assert [text for text in missed(run) if "0 underruns" in text]


def test_alignment_finds_the_place_to_the_sample_and_nothing_in_other_sound():
    wanted, other = melody(1, 2.0, 44_100), melody(2, 2.0, 44_100)
    assert offset_of(wanted, wanted[12_345:50_000]) == 12_345
    assert offset_of(wanted, np.concatenate([np.zeros((100, 2), np.int16), wanted])) == -100
    assert offset_of(wanted, other) is None and offset_of(wanted, wanted[:, :1]) is None
    sound = Sound()
    sound.play(5 * MS, 44_100, wanted[:22_050], 1)
    sound.play(900 * MS, 44_100, wanted[22_050:44_100], 1)
    sound.play(3000 * MS, 44_100, other, 2)
    sound.play(9000 * MS, 44_100, np.zeros((100, 2), np.int16), 3)
    one, two = listen(sound, 0, {"song": wanted})
    assert (one.title, one.equal, one.gaps, one.from_ms) == ("song", 1.0, ((505, 900),), 5)
    assert (two.title, two.equal) == (None, 0.0)


# --- what cannot be played is refused before it begins ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"runtime": "serial"}, "decoder chip of its own"),
        ({"runtime": "unix", "where": "network"}, "pico or cpython"),
        ({"where": "tape"}, "board or network"),
        ({"titles": (TitlePlan("a"), TitlePlan("a"))}, "name of its own"),
        ({"actions": (play_at(0, "play", "hymn"),)}, "title 'hymn' is unknown"),
        ({"actions": (play_at(0, "seek", "soon"),)}, "whole seconds"),
        ({"actions": (play_at(0, "pause", "now"),)}, "takes none"),
        ({"actions": (play_at(0, "fetch", "/x"),)}, "is unknown"),
        ({"expects": (TitlesExpect("T1", heard=("hymn",)),)}, "title 'hymn' is unknown"),
        ({"titles": (TitlePlan("song", scheme="none"),)}, "needs no key"),
    ],
)
def test_plans_that_cannot_be(more, text):
    with pytest.raises(LocalError, match=text):
        dataclasses.replace(HEARD, **more)


@pytest.mark.parametrize(
    "more", [{"name": "a/b"}, {"codec": "midi"}, {"scheme": "cens"}, {"seconds": 0.1}, {"kbit_s": 8}]
)
def test_titles_that_cannot_be(more):
    with pytest.raises(LocalError):
        TitlePlan(**more)


def test_titles_that_do_not_fit_a_board_are_refused(tmp_path):
    plan = dataclasses.replace(HEARD, titles=(TitlePlan("song", 30.0),))
    with pytest.raises(LocalError, match="has room for"):
        played(plan, tmp_path)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_titles_sound_json_and_a_report_with_waveforms(tmp_path):
    out = tmp_path / "out"
    ended = ringcast("title", "demo", "--runtime", "cpython", "--out", out, "--json", tmp_path / "seen.json")
    assert ended.status == 0, ended.err
    assert "without its key it is silent" in ended.out and "NOT SEEN" not in ended.out
    names = {path.name for path in out.iterdir()}
    assert {"song.mp4", "song-clear.mp4", "heard.wav", "report.html"} <= names
    assert not [name for name in names if name.startswith(".")]
    page = (out / "report.html").read_text()
    assert page.count('class="area') + page.count("<path") >= 2 and "heard" in page
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert all(check["passed"] for check in seen["checks"]) and seen["titles"]["song"]["scheme"] == "cenc"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--scheme", "none"), "clear title"),
        (("--runtime", "serial"), "decoder chip"),
        (("--scheme", "x"), "scheme"),
    ],
)
def test_the_command_says_in_a_line_what_it_cannot_play(arguments, text, tmp_path):
    ended = ringcast("title", "demo", *arguments, "--out", tmp_path / "out")
    assert ended.status == 1 and text in ended.err and "Traceback" not in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.pico
def test_on_the_pico_it_is_the_same_and_its_heap_stays_as_it_is(image, tmp_path):
    plan = demo_plan("pico")
    looks = [play_at(at_s, "command", "status") for at_s in (3.0, 6.0)]
    run = played(dataclasses.replace(plan, actions=(*plan.actions, *looks)), tmp_path, "pico")
    (terminal,) = run.terminals
    assert missed(run) == [] and terminal.heard[0].equal == 1.0
    early, late = (int(event.value("heap_used")) for event in terminal.station.events("status"))
    assert abs(late - early) < 300, (early, late)


@pytest.mark.pico
@pytest.mark.long
def test_on_the_pico_titles_come_over_the_network(frozen_network_image, tmp_path):
    plan = load_plan(SCENARIOS / "titles-network.toml", find_system)
    assert missed(played(plan, tmp_path, "pico", system="network")) == []


@pytest.mark.unix
def test_on_the_unix_port_it_is_the_same(tmp_path):
    ended = ringcast("title", "demo", "--runtime", "unix", "--out", tmp_path / "out", "--json", tmp_path / "seen.json")
    (heard,) = json.loads((tmp_path / "seen.json").read_text())["terminals"][0]["heard"]
    assert heard["equal_to_clear"] == 1.0, ended.out + ended.err
