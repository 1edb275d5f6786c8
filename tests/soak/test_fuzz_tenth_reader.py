"""The terminal's reader of MP3 files with every tenth octet encrypted, against damaged and invented ones: frames are
played, or one error says why not.
"""

import random
import sys
from pathlib import Path

import pytest
from headend.titles.tenth import tenth
from settop.errors import RemoteError
from testbed.machines.cpython import use_shims

from tests.helpers.melodies import tune
from tests.helpers.tunes import KEY

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
use_shims()
from codec_rig import Sink  # noqa: E402
from settop.titles.tenth import TenthReader  # noqa: E402
from settop.wire.tenth import HEADER_BYTES, frame_bytes  # noqa: E402

INSERTED = (
    b"ID3\4\0\0\0\0\0\x7f",
    b"ID3\4\0\x10\xff\xff\xff\xff",
    b"TAG",
    b"APETAGEX",
    b"\xff\xfb\x90\0",
    b"\xff",
    b"",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """(file, whether headers are spared)"""
    source = tmp_path_factory.mktemp("tenth") / "tune.mp3"
    source.write_bytes(tune("mp3", 0.3))
    made = []
    for spares in (False, True):
        parts = []
        tenth(source, parts.append, KEY, spares)
        made.append((b"".join(parts), spares))
    return made


def damaged(rng, file):
    data = bytearray(file)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(4)
        if what == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif what == 1:
            data[at:at] = rng.choice(INSERTED)
        elif what == 2:
            del data[at : at + rng.randrange(1, 900)]
        elif len(data) > 1:
            del data[max(1, at) :]
    return bytes(data)


def is_frames(octets):
    """Whether whole frames stand one behind the other; the last may be cut."""
    at = 0
    while at + HEADER_BYTES <= len(octets):
        size = frame_bytes(octets, at)
        if not size:
            return False
        at += size
    return True


def test_nothing_but_frames_is_put_out_whatever_comes(cases, files):
    rng = random.Random(20)
    ended = {True: 0, False: 0}
    for _ in cases(2000):
        file, spares = rng.choice(files)
        data = damaged(rng, file)
        sink = Sink(rng.choice((None, 1 + rng.randrange(600))))
        reader = TenthReader(bytearray(KEY), sink, spares)
        at = 0
        try:
            while at < len(data):
                at += reader.feed(data, at, min(len(data), at + rng.randrange(1, 2000)))
            reader.flush()
            reader.finish()
            ended[True] += 1
        except RemoteError as error:
            ended[False] += 1
            with pytest.raises(RemoteError) as again:
                reader.feed(b"more")
            assert str(again.value) == str(error)
        assert is_frames(sink.data) and len(sink.data) <= len(data)
        reader.close()
    assert min(ended.values()) > sum(ended.values()) // 50, ended
