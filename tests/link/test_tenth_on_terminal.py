"""MP3 files whose every tenth octet the head-end encrypted, read by the terminal."""

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


def hidden(folder, clear, spares):
    source, parts = folder / "in.mp3", []
    source.write_bytes(clear)
    return tenth(source, parts.append, KEY, spares), b"".join(parts)


def frames_of(clear):
    """Without the tag in front."""
    assert clear[:3] == b"ID3"
    return clear[10 + (clear[6] << 21 | clear[7] << 14 | clear[8] << 7 | clear[9]) :]


@pytest.mark.parametrize("spares", [False, True])
@pytest.mark.parametrize(
    ("rate", "channels", "bit_rate"), [(44_100, 2, 128_000), (48_000, 2, 320_000), (22_050, 1, 32_000)]
)
def test_the_terminal_hears_the_clear_files_frames(tmp_path, spares, rate, channels, bit_rate):
    clear = tune("mp3", 2.0, rate, channels, bit_rate)
    done, file = hidden(tmp_path, clear, spares)
    assert sum(a != b for a, b in zip(clear, file, strict=True)) == done.changed == -(-done.counted // 10)
    for step in (61, 512):
        sink = Sink()
        reader = TenthReader(bytearray(KEY), sink, spares)
        for at in range(0, len(file), step):
            reader.feed(file, at, min(len(file), at + step))
        reader.finish()
        assert sink.data == frames_of(clear)
        assert not spares or reader.frames == done.frames


def test_headers_tell_a_wrong_key_before_anything_is_put_out(tmp_path):
    _, file = hidden(tmp_path, tune("mp3", 1.0), False)
    for number in range(20):
        sink = Sink()
        with pytest.raises(RemoteError, match="another key"):
            TenthReader(bytearray(number.to_bytes(16, "big")), sink).feed(file)
        assert not sink.data
