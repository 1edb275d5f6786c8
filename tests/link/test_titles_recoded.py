"""Titles under another key, and as MP3 of which every tenth octet is encrypted, as a terminal makes them for a portable
player: read by the firmware, by the head-end and by FFmpeg."""

import sys
from pathlib import Path

import pytest
from headend.titles.ciphers import SampleCipher
from headend.titles.keys import Keys
from headend.titles.opening import unpack
from headend.titles.packer import pack
from headend.titles.protecting import Lock
from headend.titles.protection import CBCS, CENC
from headend.titles.tenth import tenth
from settop.errors import RemoteError
from testbed.machines.cpython import use_shims

from tests.helpers.tunes import KEY, KID, Steady, Target, packed, packets, stored, tune

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
use_shims()
from settop.titles.outlet import FEED_BYTES  # noqa: E402
from settop.titles.reader import TitleReader  # noqa: E402
from settop.titles.recode import Recoder  # noqa: E402
from settop.titles.tenth_writer import TenthWriter  # noqa: E402
from title_rig import Heard, keys, play  # noqa: E402

LOCKS = ((CENC, "8"), (CENC, "16"), (CBCS, None), (CBCS, "16"))
OWN = bytes(range(0xC0, 0xD0))


def made(out, title, step=FEED_BYTES, most=300):
    """What comes out of a Recoder or a TenthWriter."""
    data = bytearray()
    for at in range(0, len(title), step):
        out.feed(title, at, min(len(title), at + step))
        while out.waiting():
            data += out.take(most)
    out.finish()
    out.close()
    return bytes(data)


def recoded(title, step=FEED_BYTES):
    return made(Recoder(keys, lambda kid: bytearray(OWN)), title, step)


def heard(title, find_key):
    unit = Heard()
    play(TitleReader(find_key, None, make=unit.make), title, 997)
    return unit.whole()


def own_key(kid):
    return bytearray(OWN)


@pytest.mark.parametrize(("scheme", "iv"), LOCKS)
@pytest.mark.parametrize("name", ["aac", "mp3", "pcm", "adpcm", "film"])
def test_the_same_sound_comes_of_it_under_its_own_key_and_noise_under_the_old_one(tmp_path, name, scheme, iv):
    clear = stored(packed(tune(name), tmp_path / "clear.mp4", "none"))[-1]
    title = packed(tune(name), tmp_path / "title.mp4", scheme, iv).read_bytes()
    copy = recoded(title)
    assert len(copy) == len(title) and copy != title
    assert heard(copy, own_key) == clear != heard(copy, keys)


@pytest.mark.parametrize(("scheme", "iv"), LOCKS)
def test_no_encrypted_sample_is_what_it_was_or_clear(tmp_path, scheme, iv):
    clear = stored(packed(tune("aac"), tmp_path / "clear.mp4", "none"))[0]
    path = packed(tune("aac"), tmp_path / "title.mp4", scheme, iv)
    (tmp_path / "copy.mp4").write_bytes(recoded(path.read_bytes()))
    for before, after, opened in zip(stored(path)[0], stored(tmp_path / "copy.mp4")[0], clear, strict=True):
        assert len(before) == len(after)
        for at in range(0, len(before) - 15, 16):
            assert after[at : at + 16] not in (before[at : at + 16], opened[at : at + 16])


@pytest.mark.parametrize("step", [1, 7, 64, 511])
def test_it_is_the_same_whatever_the_pieces(tmp_path, step):
    title = packed(tune("mp3", 0.5), tmp_path / "title.mp4", CBCS).read_bytes()
    assert recoded(title, step) == recoded(title)


@pytest.mark.parametrize(("scheme", "iv"), LOCKS)
def test_the_head_end_and_ffmpeg_open_it(tmp_path, scheme, iv):
    path = packed(tune("aac"), tmp_path / "title.mp4", scheme, iv)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(recoded(path.read_bytes()))
    with Target(tmp_path / "clear.mp4") as target:
        unpack(copy, target, Keys({KID: OWN}))
    clear = stored(packed(tune("aac"), tmp_path / "packed.mp4", "none"))
    assert stored(tmp_path / "clear.mp4") == clear
    assert packets(copy, OWN) == packets(path, KEY)


@pytest.mark.parametrize("pattern", [(1, 9), (1, 2), (5, 5)])
@pytest.mark.parametrize("iv_bytes", [0, 16])
def test_sound_under_a_pattern_too(tmp_path, pattern, iv_bytes):
    """Samples of more than a portion, which the pattern runs through."""
    clear = stored(packed(tune("pcm"), tmp_path / "clear.mp4", "none"))[0]
    with Target(tmp_path / "title.mp4") as target:
        pack(tune("pcm"), target, Lock(CBCS, SampleCipher(KEY), KID, iv_bytes, pattern), random=Steady())
    copy = recoded((tmp_path / "title.mp4").read_bytes())
    assert heard(copy, own_key) == clear != heard(copy, keys)


@pytest.mark.parametrize("name", ["aac", "adpcm"])
def test_samples_longer_and_shorter_than_a_portion_under_a_pattern(tmp_path, name):
    clear = stored(packed(tune(name), tmp_path / "clear.mp4", "none"))[0]
    with Target(tmp_path / "title.mp4") as target:
        pack(tune(name), target, Lock(CBCS, SampleCipher(KEY), KID, 0, (1, 9)), random=Steady())
    assert heard(recoded((tmp_path / "title.mp4").read_bytes()), own_key) == clear


def test_a_title_that_is_damaged_or_has_no_key_is_not_recoded(tmp_path):
    title = packed(tune("aac", 0.5), tmp_path / "title.mp4", CENC).read_bytes()
    with pytest.raises(RemoteError, match="there is no key"):
        made(Recoder(lambda kid: None, own_key), title)
    with pytest.raises(RemoteError, match="cut"):
        recoded(title[:-3])
    with pytest.raises(RemoteError):
        recoded(bytes(500))


@pytest.mark.parametrize("scheme", ["none", CENC, CBCS])
def test_every_tenth_octet_is_what_the_head_end_makes_of_the_mp3(tmp_path, scheme):
    clear = stored(packed(tune("mp3"), tmp_path / "clear.mp4", "none"))[0]
    (tmp_path / "clear.mp3").write_bytes(b"".join(clear))
    wanted = bytearray()
    tenth(tmp_path / "clear.mp3", wanted.extend, OWN)
    title = packed(tune("mp3"), tmp_path / "title.mp4", scheme).read_bytes()
    assert made(TenthWriter(keys, bytearray(OWN)), title) == wanted
    assert made(TenthWriter(keys, bytearray(OWN)), title, 13, 7) == wanted


def test_keys_are_wiped_when_it_is_closed(tmp_path):
    title = packed(tune("mp3", 0.5), tmp_path / "title.mp4", CENC).read_bytes()
    given = []

    def find_key(kid):
        given.append(bytearray(KEY))
        return given[-1]

    def fresh_key(kid):
        given.append(bytearray(OWN))
        return given[-1]

    for out in (Recoder(find_key, fresh_key), TenthWriter(find_key, fresh_key(b""))):
        out.feed(title, 0, FEED_BYTES)
        for at in range(FEED_BYTES, 4 * FEED_BYTES, FEED_BYTES):
            out.take(4096)
            out.feed(title, at, at + FEED_BYTES)
        out.close()
        assert not out.waiting() and not any(out._out)
    assert len(given) == 4 and not any(map(any, given))
