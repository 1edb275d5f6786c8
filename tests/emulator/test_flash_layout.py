"""Where the file system of an image starts: what the image says of itself, and what is made of that."""

import random

import pytest
from littlefs import LittleFS
from settop.errors import LocalError, RemoteError
from testbed.hil import board_flash
from testbed.machines.pico_flash import (
    BLOCK_BYTES,
    FILES_BYTES,
    FILES_START,
    FLASH_BASE,
    FLASH_BYTES,
    files_image,
    files_start,
    flash_image,
    read_uf2,
)
from testbed.runtimes import Image

MIB = 1024 * 1024


def words(*values):
    return b"".join(value.to_bytes(4, "little") for value in values)


def image(start, size=None, *, at=0x110, tag=b"MP", kind=7, extra=b""):
    """The beginning of an image that says so of its file system."""
    table, entry = 0x200, 0x300
    flash = bytearray(b"\xff" * 0x400)
    flash[at : at + 20] = words(0x7188EBF2, FLASH_BASE + table, FLASH_BASE + table + 8, 0, 0xE71AA390)
    flash[table : table + 8] = words(FLASH_BASE + 0x380, FLASH_BASE + entry)
    flash[0x380:0x384] = b"\x05\x00RP"
    size = FLASH_BYTES - start if size is None else size
    flash[entry : entry + 16] = kind.to_bytes(2, "little") + tag + words(0, FLASH_BASE + start, size)
    return bytes(flash) + extra


def uf2(data):
    blocks = b""
    for start in range(0, len(data), 256):
        head = words(0x0A324655, 0x9E5D5157, 0x2000, FLASH_BASE + start, 256, 0, 1, 0xE48BFF56)
        blocks += head + data[start : start + 256].ljust(476, b"\0") + words(0x0AB16F30)
    return blocks


@pytest.mark.parametrize("start", [MIB, FILES_START, BLOCK_BYTES, FLASH_BYTES - BLOCK_BYTES])
@pytest.mark.parametrize("at", [0, 0x100, 0x1E8])
def test_an_image_says_where_its_file_system_starts(start, at):
    assert files_start(image(start, at=at)) == start


@pytest.mark.parametrize(
    "flash",
    [
        b"",
        bytes(4096),
        image(MIB, tag=b"XX"),
        image(MIB, kind=6),
        image(MIB, at=0x204),
        image(MIB + 1),
        image(MIB, size=MIB - 4096),
        image(0),
        image(FLASH_BYTES, size=0),
        image(MIB)[:0x308],
    ],
)
def test_what_says_nothing_that_makes_sense_is_taken_for_a_stock_image(flash):
    assert files_start(flash) == FILES_START


def test_damaged_images_have_a_file_system_all_the_same(cases):
    noise = random.Random(5)
    for _ in cases(300):
        flash = bytearray(image(MIB))
        for _ in range(noise.randrange(1, 5)):
            at = noise.choice((0x110, 0x200, 0x300)) + noise.randrange(20)
            flash[at] = noise.randrange(256)
        start = files_start(flash)
        assert 0 < start < FLASH_BYTES and start % BLOCK_BYTES == 0


def test_an_image_may_reach_as_far_as_its_own_file_system(tmp_path):
    more = b"\x55" * (FILES_START + 4096 - 0x400)
    assert len(read_uf2(uf2(image(MIB, extra=more)))) == FLASH_BYTES
    with pytest.raises(RemoteError, match="the file system starts at 0xa0000"):
        read_uf2(uf2(image(FILES_START, extra=more)))
    path = tmp_path / "image.uf2"
    path.write_bytes(uf2(image(MIB)))
    flash = flash_image(path, {"a.bin": b"x"})
    files = LittleFS(block_size=BLOCK_BYTES, block_count=MIB // BLOCK_BYTES, mount=False)
    files.context.buffer[:] = flash[MIB:]
    files.mount()
    assert files.listdir("/") == ["a.bin"] and set(flash[0x400:MIB]) == {0xFF}


def test_files_that_fit_a_stock_image_may_not_fit_another():
    big = {"big": bytes(FILES_BYTES - 65_536)}
    assert len(files_image(big)) == FILES_BYTES
    with pytest.raises(LocalError, match=f"file system \\({MIB} bytes"):
        files_image(big, MIB)


def test_an_image_with_another_layout_leaves_what_was_there_and_a_blank_board_gets_its_file_system(
    tmp_path, monkeypatch
):
    path, kept = tmp_path / "image.uf2", tmp_path / "flash"
    path.write_bytes(uf2(image(MIB)))
    monkeypatch.setattr(board_flash, "network_image", lambda tell: Image(path, "cache"))
    new, _ = board_flash.first_flash(None, False, None, False, print, True)
    assert new[MIB:] == files_image({}, MIB)
    old = bytes(range(256)) * (FLASH_BYTES // 256)
    kept.write_bytes(old)
    written, _ = board_flash.first_flash(None, False, kept, False, print, True)
    assert written[:0x400] == image(MIB) and written[4096:] == old[4096:]
