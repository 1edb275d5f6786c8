"""`ringcast title weigh`: what partial encryption leaves without the key, and costs with it."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
from settop.errors import LocalError, RemoteError
from testbed.bench.weighing import weigh as module
from testbed.bench.weighing.clip import heard, own_clip, read_clip
from testbed.bench.weighing.on_pico import Cost, costs
from testbed.bench.weighing.report import plot, write_report
from testbed.bench.weighing.schemes import CLEAR, SCHEMES, frames_of, octets_that_count, with_headers, write_files
from testbed.bench.weighing.weigh import as_json, weigh
from testbed.bench.weighing.without_key import ask_ffmpeg, decibels, degraded

from tests.helpers import tunes
from tests.helpers.commands import ringcast
from tests.helpers.melodies import tune

NAMES = ("tenth", "tenth-spared", "cbcs-1-9", "cbcs", "cenc")
COSTS = {name: Cost(6_000_000 + number, 1_000_000 * (number + 1)) for number, name in enumerate(NAMES)}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    source = tmp_path_factory.mktemp("clip") / "melody.mp3"
    source.write_bytes(tune("mp3", 3.0))
    return read_clip(source, 3.0)


@pytest.fixture
def weights(clip, monkeypatch):
    monkeypatch.setattr(module, "costs", lambda *_: COSTS)
    return weigh(clip, None)


def by_name(weights):
    return {weight.scheme.name: weight for weight in weights}


def test_all_schemes_are_weighed_in_their_order():
    assert tuple(scheme.name for scheme in SCHEMES) == NAMES


def test_exactly_a_tenth_of_the_octets_differ_rounded_up(weights):
    for name in ("tenth", "tenth-spared"):
        weight = by_name(weights)[name]
        assert weight.changed == math.ceil(weight.counted / 10)


def test_of_other_schemes_as_many_differ_as_blocks_say(weights, clip):
    found = by_name(weights)
    whole = sum(len(frame) // 16 * 16 for frame in clip.frames)
    tenths = sum(16 * math.ceil(len(frame) // 16 / 10) for frame in clip.frames)
    for name, hidden in (("cbcs", whole), ("cbcs-1-9", tenths), ("cenc", clip.octets)):
        assert 0.99 * hidden < found[name].changed <= hidden, name


def test_less_is_left_the_more_is_encrypted(weights):
    left = {name: weight.without_key for name, weight in by_name(weights).items()}
    assert left["tenth-spared"].as_it_is == left["tenth-spared"].repaired
    for name in ("cbcs-1-9", "cbcs", "cenc"):
        assert left[name].as_it_is.decodable == 0 and left[name].as_it_is.snr_db == 0
        assert left[name].repaired.decodable < left["tenth"].repaired.decodable
    assert 0.2 < left["tenth"].as_it_is.decodable < left["tenth"].repaired.decodable
    assert all(heard.repaired.snr_db < 5 and heard.repaired.good < 0.05 for heard in left.values())


def test_a_clip_that_was_not_touched_is_heard_whole(clip):
    sound, decoded = heard(clip.frames, clip)
    found = degraded(sound, sound, decoded, clip)
    assert (found.decodable, found.snr_db) == (1.0, 200.0) and found.good > 0.9
    silent = degraded(sound, np.zeros_like(sound), [False] * len(decoded), clip)
    assert (silent.decodable, silent.good, silent.snr_db) == (0, 0, 0)
    assert decibels(100.0, 1.0) == 20


def test_the_frames_of_a_title_are_the_clips(clip, tmp_path):
    files = write_files(clip, tmp_path, (CLEAR, *SCHEMES))
    assert frames_of(files["clear"], clip) == list(clip.frames) == frames_of(files["mp3"], clip)
    for scheme in SCHEMES:
        frames = frames_of(files[scheme.name], clip)
        assert [len(frame) for frame in frames] == [len(frame) for frame in clip.frames], scheme.name
        assert all(one[:4] == other[:4] for one, other in zip(with_headers(frames, clip), clip.frames, strict=True))
        assert octets_that_count(clip, scheme) == clip.octets - 4 * len(clip.frames) * scheme.spares


def test_the_headend_opens_the_pattern_too(clip, tmp_path):
    from headend.titles.keys import Keys
    from headend.titles.opening import unpack
    from testbed.bench.weighing.schemes import KEY, KID

    made = write_files(clip, tmp_path, SCHEMES)["cbcs-1-9"]
    with tunes.Target(tmp_path / "open.mp4") as output:
        unpack(made, output, Keys({KID: KEY}, None))
    assert tunes.stored(tmp_path / "open.mp4") == [list(clip.frames)]


def test_ffmpeg_is_asked_and_what_it_says_has_no_addresses(clip, tmp_path):
    files = write_files(clip, tmp_path, (CLEAR, *SCHEMES))
    clear = ask_ffmpeg(files["clear"], clip)
    if clear is None:
        pytest.skip("ffmpeg is not installed")
    assert (clear.exit_code, clear.lines) == (0, 0) and clear.seconds == pytest.approx(clip.seconds, abs=0.1)
    said = ask_ffmpeg(files["cenc"], clip)
    assert said.lines and said.seconds < 0.5 and "0x" not in said.first and str(tmp_path) not in said.first


def test_the_same_clip_gives_the_same_figures_and_page(clip, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "costs", lambda *_: COSTS)
    again = weigh(clip, None, tmp_path)
    first, second = json.dumps(as_json(clip, weights)), json.dumps(as_json(clip, again))
    assert first == second and '"octets_changed"' in first
    write_report(tmp_path / "one.html", clip, weights)
    write_report(tmp_path / "two.html", clip, again)
    page = (tmp_path / "one.html").read_text()
    assert page == (tmp_path / "two.html").read_text()
    assert all(f">{name}<" in page for name in NAMES) and page.count('<rect class="') == 15
    assert not re.search(r"https?://|<script", page)
    sounds = {path.stem for path in tmp_path.glob("*.wav")}
    assert sounds == {"clear", *NAMES, *(f"{name}-repaired" for name in NAMES)}


def test_bars_are_as_long_as_what_they_show(weights):
    bars = plot(weights)
    decoded = [bar.width for bar in bars if bar.kind == "even"]
    assert decoded[2:] == [0, 0, 0] and decoded[0] < decoded[1]
    assert [bar.width for bar in bars if bar.kind == "bar"] == [66.0, 132.0, 198.0, 264.0, 330.0]
    without = [dataclasses.replace(weight, cost=Cost(0, 0)) for weight in weights]
    assert {bar.width for bar in plot(without) if bar.kind == "bar"} == {0.0}


def test_clips_come_from_any_sound_and_from_nowhere(tmp_path):
    for name, data in (("tune.m4a", tune("m4a", 2.0)), ("tune.wav", tune("wav", 2.0, 22_050, 1))):
        (tmp_path / name).write_bytes(data)
        made = read_clip(tmp_path / name, 1.0)
        assert "transcoded from" in made.origin and 0.8 < made.seconds < 1.4 and made.channels == 2
    made = own_clip(2.0)
    assert "made chord" in made.origin and made.seconds == pytest.approx(2.0, abs=0.1)
    assert len(made.first(0.5).frames) == 19


def test_a_clip_whose_comment_is_in_no_utf_8_is_read(tmp_path):
    """As a Vorbis file by a program that wrote Shift JIS."""
    plain = tunes.tune("flac").read_bytes()
    name = b"A tune"
    assert plain.count(name) == 1
    (tmp_path / "clip.flac").write_bytes(plain.replace(name, b"\x82\xcc\x8d\xec\x90\xac"))
    assert read_clip(tmp_path / "clip.flac", 1.0).seconds == pytest.approx(1, abs=0.1)


def test_what_is_no_clip_is_refused(tmp_path):
    with pytest.raises(OSError):
        read_clip(tmp_path / "nothing.mp3", 1.0)
    (tmp_path / "text.mp3").write_text("no sound here " * 50)
    with pytest.raises(RemoteError, match="FFmpeg cannot read"):
        read_clip(tmp_path / "text.mp3", 1.0)
    with pytest.raises(RemoteError, match="no sound"):
        read_clip(tunes.tune("silent_film"), 1.0)
    (tmp_path / "short.mp3").write_bytes(tune("mp3", 0.1))
    with pytest.raises(LocalError, match="eight frames"):
        read_clip(tmp_path / "short.mp3", 1.0)


@pytest.mark.pico
def test_a_tenth_costs_the_pico_less_than_half_of_the_whole(image, clip, tmp_path):
    start = clip.first(1.0)
    found = costs(image, start, write_files(start, tmp_path, (CLEAR, *SCHEMES)), SCHEMES)
    assert tuple(found) == NAMES
    whole = min(found["cbcs"].opening, found["cenc"].opening)
    assert 0 < found["tenth-spared"].opening <= found["tenth"].opening < whole / 2, found
    assert all(0 < cost.opening < cost.whole and cost.core_percent < 15 for cost in found.values())


@pytest.mark.parametrize("seconds", ["0.5", "601", "nan"])
def test_a_length_that_means_nothing_is_refused(seconds):
    ended = ringcast("title", "weigh", "--seconds", seconds)
    assert ended.status == 2 and "--seconds must be 1 to 600" in ended.err


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    ended = ringcast("title", "weigh", tmp_path / "nothing.mp3")
    assert ended.status == 1 and "nothing.mp3" in ended.err and "Traceback" not in ended.err


@pytest.mark.pico
def test_the_command_shows_a_table_and_writes_report_and_figures(image, tmp_path):
    (tmp_path / "tune.mp3").write_bytes(tune("mp3", 3.0))
    out, figures = tmp_path / "out", tmp_path / "weights.json"
    ended = ringcast("title", "weigh", tmp_path / "tune.mp3", "--out", out, "--json", figures, "--seconds", "1")
    assert ended.status == 0, ended.err
    assert all(name in ended.out for name in NAMES) and "without the key ..." in ended.err
    assert max(map(len, ended.out.splitlines()[:-1])) <= 80
    found = json.loads(figures.read_text())
    assert [scheme["scheme"] for scheme in found["schemes"]] == list(NAMES)
    assert (out / "report.html").exists() and (out / "tenth.wav").exists()
