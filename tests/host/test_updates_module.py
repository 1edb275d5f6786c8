"""Signed modules at the head-end: what is made, read, refused; and the terminal's vectors are what is made."""

import os
from pathlib import Path

import pytest
from headend.updates.module import FRONT_BYTES, read, sign
from headend.updates.signing_key import make_key_file, read_key_file
from settop.errors import LocalError, RemoteError

from tests.helpers.update_modules import KEY, ROWS, STRANGER, made, vectors

VECTORS = Path(__file__).parents[1] / "vectors" / "update_vectors.py"


def test_the_terminal_s_vectors_are_what_is_made():
    assert VECTORS.read_text() == vectors()


def test_what_was_made_is_read_and_judged():
    for name, (called, version, module, codec, board) in ROWS.items():
        one = read(made(name).octets())
        assert (one.name, one.version, one.module, one.codec, one.board) == (called, version, module, codec, board)
        one.judge(KEY.public)
        with pytest.raises(RemoteError, match="not that of this signer"):
            one.judge(STRANGER.public)
        with pytest.raises(LocalError):
            one.judge(bytes(31))


def test_what_is_cut_longer_or_altered_is_said_to_be():
    octets = made("BEEP_1").octets()
    for wrong, why in (
        (b"", "cut short"),
        (octets[: FRONT_BYTES - 1], "cut short"),
        (octets[:-1], "of which"),
        (octets + b"x", "of which"),
        (octets[:-1] + b"x", "altered"),
        (b"x" + octets[1:], "no signed module"),
    ):
        with pytest.raises(RemoteError, match=why):
            read(wrong)
    for at in range(4, FRONT_BYTES):
        wrong = bytearray(octets)
        wrong[at] ^= 0x20
        with pytest.raises(RemoteError):
            read(bytes(wrong)).judge(KEY.public)


@pytest.mark.parametrize(
    ("name", "version", "module", "codec", "board", "why"),
    [
        ("Beep", 1, b"pass", "", "", "name of a module"),
        ("beep", 0, b"pass", "", "", "version"),
        ("beep", 1 << 32, b"pass", "", "", "32 bits"),
        ("beep", 1, b"", "", "", "bytes"),
        ("beep", 1, b"#" * 65537, "", "", "bytes"),
        ("beep", 1, b"pass", "MP3", "", "lower case"),
        ("beep", 1, b"pass", "", "raspberry_pi_pico", "at most 12"),
        ("beep", 1, b"1 +", "", "", "neither a .mpy nor Python"),
        ("beep", 1, b"\xff\xfe", "", "", "neither a .mpy nor Python"),
    ],
)
def test_what_no_terminal_takes_is_not_signed(name, version, module, codec, board, why):
    with pytest.raises(LocalError, match=why):
        sign(KEY, name, version, module, codec, board)


def test_a_key_file_is_its_owner_s_alone_and_never_overwritten(tmp_path):
    path = tmp_path / "signer.key"
    key = make_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600 and key.public.hex() not in path.read_text()
    assert read_key_file(path).public == key.public and "hidden" in repr(key)
    with pytest.raises(LocalError, match="never overwritten"):
        make_key_file(path)
    for mode in (0o640, 0o604, 0o620):
        os.chmod(path, mode)
        with pytest.raises(LocalError, match="can be read by others"):
            read_key_file(path)
    os.chmod(path, 0o600)
    for text in ("", "ab", "xy" * 32, "00" * 33):
        path.write_text(text)
        with pytest.raises(LocalError, match="64 hex digits") as caught:
            read_key_file(path)
        assert not text or text not in str(caught.value)
    with pytest.raises(LocalError, match="cannot read"):
        read_key_file(tmp_path / "none")
