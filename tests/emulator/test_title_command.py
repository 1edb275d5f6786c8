"""`ringcast title`: what it makes, says, and refuses; a key is never shown, and a file is whole or not there."""

import json
import random
import subprocess
import sys
import wave

import pytest
from headend.titles.licence import read_licence
from testbed import cli
from typer.testing import CliRunner

from tests.helpers.commands import ringcast
from tests.helpers.tunes import KEY, KID, packets, tune

LOCKED = ("--kid", KID.hex())


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "song.key"
    path.write_text(KEY.hex() + "\n")
    path.chmod(0o600)
    return path


def ok(*arguments):
    ended = ringcast("title", *arguments)
    assert ended.status == 0, ended.err
    assert KEY.hex() not in ended.out + ended.err
    return ended


def refused(status, *arguments):
    ended = ringcast("title", *arguments)
    assert ended.status == status, ended.out + ended.err
    assert KEY.hex() not in ended.out + ended.err and "Traceback" not in ended.err
    return ended.err


@pytest.fixture
def title(tmp_path, key_file):
    (tmp_path / "words.txt").write_text("la la")
    made = tmp_path / "song.mp4"
    lyrics = f"lyrics={tmp_path / 'words.txt'}"
    ok(
        "pack",
        tune("mp3"),
        made,
        "--scheme",
        "cenc",
        "--key-file",
        key_file,
        *LOCKED,
        "--extra",
        lyrics,
        "--purchaser",
        9,
    )
    return made


def test_a_title_is_packed_shown_and_opened(title, key_file, tmp_path):
    said = ok("info", title).out
    assert "scheme cenc" in said and KID.hex() in said and "extra lyrics: 5 bytes" in said and "purchaser 9" in said
    assert "track 1: audio, MP3 (mp4a), 116 samples" in said
    assert ok("unpack", title, tmp_path / "clear.mp4", "--key-file", key_file).out.endswith("116 samples decrypted\n")
    assert packets(tmp_path / "clear.mp4") == packets(tune("mp3"))
    found = json.loads(ok("info", title, "--json").out)
    assert found["tracks"][0]["kid"] == KID.hex() and found["purchaser"] == 9


def test_the_summary_names_what_was_made(tmp_path, key_file):
    ended = ok("pack", tune("film"), tmp_path / "film.mp4", "--scheme", "cbcs", "--key-file", key_file, *LOCKED)
    assert ended.out == f"{tmp_path / 'film.mp4'}: h264 and aac, 206 samples, scheme cbcs\n" and not ended.err


def test_what_is_transcoded_or_left_out_is_said(tmp_path):
    assert "adpcm_ms is transcoded to aac" in ok("pack", tune("adpcm_ms"), tmp_path / "a.mp4", "--scheme", "none").err


def test_a_clear_title_needs_no_key_and_says_that_it_is_one(tmp_path, key_file):
    clear = tmp_path / "clear.mp4"
    ok("pack", tune("aac"), clear, "--scheme", "none")
    assert "clear (scheme none)" in ok("info", clear).out
    assert "is a clear title" in refused(1, "unpack", clear, tmp_path / "out.mp4", "--key-file", key_file)
    assert "is a clear title" in refused(1, "licence", "request", clear)
    assert not (tmp_path / "out.mp4").exists()


def test_a_key_on_the_command_line_works_and_is_warned_of(tmp_path):
    ended = ok("pack", tune("aac"), tmp_path / "a.mp4", "--scheme", "cenc", "--key", KEY.hex(), *LOCKED)
    assert "prefer --key-file" in ended.err


def test_a_licence_is_written_shown_and_used(title, key_file, tmp_path):
    licence = tmp_path / "song.json"
    ok("licence", "write", licence, "--key-file", key_file, *LOCKED, "--persistent")
    assert licence.stat().st_mode & 0o777 == 0o600
    assert dict(read_licence(licence.read_bytes()).keys) == {KID: KEY}
    assert ok("licence", "show", licence).out == f"persistent-license\nkey id {KID.hex()}\n"
    assert json.loads(ok("licence", "request", title).out) == {"kids": ["oKGio6SlpqeoqaqrrK2urw"], "type": "temporary"}
    assert json.loads(ok("licence", "request", title, "--persistent").out)["type"] == "persistent-license"
    ok("unpack", title, tmp_path / "clear.mp4", "--key-file", licence)
    ok("pack", tune("mp3"), tmp_path / "again.mp4", "--scheme", "cbcs", "--key-file", licence)
    assert packets(tmp_path / "again.mp4", KEY) == packets(tune("mp3"))


def test_another_licence_does_not_open_it(title, key_file, tmp_path):
    licence = tmp_path / "other.json"
    ok("licence", "write", licence, "--key-file", key_file, "--kid", "00" * 16)
    said = refused(1, "unpack", title, tmp_path / "clear.mp4", "--key-file", licence)
    assert f"no key for key id {KID.hex()}" in said and "the keys given are of: " + "00" * 16 in said
    assert not (tmp_path / "clear.mp4").exists()


def test_a_cut_title_leaves_what_was_good(title, key_file, tmp_path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(title.read_bytes()[:-9000])
    said = refused(1, "unpack", cut, tmp_path / "clear.mp4", "--key-file", key_file)
    assert "mid sample" in said
    good, whole = packets(tmp_path / "clear.mp4")[0][1], packets(tune("mp3"))[0][1]
    assert 60 < len(good) < 116 and good == whole[: len(good)] and f"the {len(good)} samples before it are in" in said
    assert "is cut" in refused(1, "info", cut)


def test_every_tenth_octet_and_back(key_file, tmp_path):
    weak, back = tmp_path / "weak.mp3", tmp_path / "back.mp3"
    said = ok("tenth", tune("mp3"), weak, "--key-file", key_file, "--spare-headers").out
    assert "bytes encrypted, 117 headers spared" in said
    assert weak.read_bytes() != tune("mp3").read_bytes()
    ok("tenth", weak, back, "--key-file", key_file, "--spare-headers", "--undo")
    assert back.read_bytes() == tune("mp3").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--scheme", "cenc"), "give the key by --key-file FILE or by --key HEX"),
        (("--scheme", "cenc", "--key", KEY.hex()), "--kid is missing"),
        (("--scheme", "cenc", "--key", KEY.hex()[1:], *LOCKED), "even number of hex digits"),
        (("--scheme", "cenc", "--key", KEY.hex()[2:], *LOCKED), "must be 32 hex digits; it has 30"),
        (("--scheme", "cenc", "--key", KEY.hex(), "--kid", "xyz"), "even number of hex digits"),
        (("--scheme", "none", "--extra", "lyrics"), "NAME=FILE"),
    ],
)
def test_options_that_mean_nothing_end_with_two(arguments, says, tmp_path):
    assert says in " ".join(refused(2, "pack", tune("aac"), tmp_path / "out.mp4", *arguments).replace("│", " ").split())
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--scheme", "cens", "--key", KEY.hex(), *LOCKED), "there is no scheme 'cens'"),
        (("--scheme", "none", "--key", KEY.hex()), "a clear title (scheme none) has no key"),
        (("--scheme", "cenc", "--key", KEY.hex(), *LOCKED, "--iv", "constant"), "cenc takes IVs of 8 or 16"),
        (("--scheme", "none", "--purchaser", "-1"), "64 bits"),
        (("--scheme", "none", "--extra", "lyrics=/nowhere/at/all"), "/nowhere/at/all: No such file"),
    ],
)
def test_what_cannot_be_done_ends_with_one(arguments, says, tmp_path):
    assert says in refused(1, "pack", tune("aac"), tmp_path / "out.mp4", *arguments)
    assert not (tmp_path / "out.mp4").exists()


def test_inputs_that_cannot_be_are_refused(tmp_path, key_file):
    assert "No such file" in refused(1, "pack", tmp_path / "none.mp3", tmp_path / "out.mp4", "--scheme", "none")
    assert "not a regular file" in refused(1, "pack", tmp_path, tmp_path / "out.mp4", "--scheme", "none")
    (tmp_path / "text.mp3").write_text("no sound")
    assert "FFmpeg cannot read it" in refused(1, "pack", tmp_path / "text.mp3", tmp_path / "o.mp4", "--scheme", "none")
    assert "ringcast title pack" in refused(1, "info", tune("pcm"))
    same = tmp_path / "same.mp3"
    same.write_bytes(tune("mp3").read_bytes())
    assert "is the input itself" in refused(1, "pack", same, same, "--scheme", "none")
    assert "is the input itself" in refused(1, "tenth", same, same, "--key-file", key_file)
    for source, target in (("-", "out.mp4"), ("/dev/stdin", "out.mp4"), (same, "-"), (same, "/dev/stdout")):
        assert "file" in refused(1, "pack", source, target, "--scheme", "none")
        assert "file" in refused(1, "unpack", source, target, "--key-file", key_file)
        assert "file" in refused(1, "tenth", source, target, "--key-file", key_file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["same.mp3", "song.key", "text.mp3"]


def test_key_files_must_be_private_and_hold_a_key(title, key_file, tmp_path):
    key_file.chmod(0o644)
    assert "chmod 600" in refused(1, "unpack", title, tmp_path / "c.mp4", "--key-file", key_file)
    key_file.chmod(0o600)
    key_file.write_text("no key")
    assert "32 hex digits, or a Clear Key licence" in refused(
        1, "unpack", title, tmp_path / "c.mp4", "--key-file", key_file
    )
    key_file.write_text('{"keys":[]}')
    assert "no keys" in refused(1, "unpack", title, tmp_path / "c.mp4", "--key-file", key_file)
    assert "No such file" in refused(1, "unpack", title, tmp_path / "c.mp4", "--key-file", tmp_path / "missing")


def test_a_key_may_come_through_a_pipe(title, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "testbed.cli", "title", "unpack", title, tmp_path / "c.mp4", "--key-file", "-"],
        input=KEY.hex(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert packets(tmp_path / "c.mp4") == packets(tune("mp3"))


@pytest.mark.parametrize(
    "name", ["pack", "unpack", "info", "tenth", "licence write", "licence show", "licence request"]
)
def test_help_has_an_example_and_the_exit_status(name):
    said = CliRunner().invoke(cli.app, ["title", *name.split(), "--help"], env={"COLUMNS": "200"}).stdout
    assert f"ringcast title {name} " in said and "Exit status" in said


SAYS_ITS_MEMORY = """
from testbed import cli
try: cli.main()
finally: import sys; print([line for line in open("/proc/self/status") if "VmHWM" in line][0], file=sys.stderr)
"""


def test_the_whole_program_takes_no_more_memory_for_a_longer_title(key_file, tmp_path):
    """FFmpeg's share is counted, too. 2 MB against 40 MB of PCM."""
    most = {"pack": [], "unpack": []}
    for seconds in (23, 450):
        sound, made, back = tmp_path / "sound.wav", tmp_path / "title.mp4", tmp_path / "back.mp4"
        with wave.open(str(sound), "wb") as file:
            file.setparams((1, 2, 44_100, 0, "NONE", ""))
            file.writeframes(random.Random(seconds).randbytes(88_200) * seconds)
        for command in (
            ["pack", sound, made, "--scheme", "cbcs", "--key-file", key_file, *LOCKED],
            ["unpack", made, back, "--key-file", key_file],
        ):
            arguments = [sys.executable, "-c", SAYS_ITS_MEMORY, "title", *map(str, command)]
            done = subprocess.run(arguments, capture_output=True, text=True, check=True)
            most[command[0]].append(int(done.stderr.split()[-2]))
    for short, long in most.values():
        assert long < short + 8_000, most  # kilobytes
