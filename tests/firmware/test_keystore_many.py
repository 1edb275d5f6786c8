# on the pico: soak
"""64 titles, 16 tickets and 8 modules on the board's own file system."""

import gc
import os
import sys
import time

from keystore_rig import LOCK, Board, Flash, asked
from settop.keystore.files import SlotFiles
from settop.keystore.keystore import Keystore, Records
from settop.keystore.relock import replace

KINDS = (("title", 64, 80, True), ("ticket", 16, 60, True), ("module", 8, 40, False))


def _now():
    return time.ticks_ms() if hasattr(time, "ticks_ms") else int(time.monotonic() * 1000)


def _free():
    """KB free on the file system."""
    stat = os.statvfs(".") if hasattr(os, "statvfs") else (1024, 0, 0, 0)
    return stat[0] * stat[3] // 1024


def _board():
    board = Board(Flash(), "")
    board.STORAGE = "keystore_many"
    board.FILES = None
    return board


def test_88_records_are_stored_listed_loaded_and_counted():
    board = _board()
    free = _free()
    try:
        rows = []
        for kind, many, size, counted in KINDS:
            for number in range(many):
                rows.append(("shop", "%s_%02d" % (kind, number), bytes((number,)) * size, counted))
        replace(Keystore(board), LOCK, rows)
        names = sorted([row[1] for row in rows])
        del rows
        gc.collect()
        times = []
        begin = _now()
        keystore = Keystore(board)
        assert keystore.start()[1] == ""
        times.append(_now() - begin)
        shop = Records(keystore, "shop")
        begin = _now()
        assert shop.names() == names
        times.append(_now() - begin)
        begin = _now()
        shop.store("title_05", b"\x07" * 80, True)
        times.append(_now() - begin)
        begin = _now()
        assert asked(keystore, "shop", "title_05") == b"\x07" * 80
        times.append(_now() - begin)
        assert asked(keystore, "shop", "title_63") == b"\x3f" * 80
        assert asked(keystore, "shop", "module_07") == b"\x07" * 40
        gc.collect()
        print("%s: start %d ms, names %d ms, counted store %d ms, load %d ms" % ((sys.platform,) + tuple(times)))
        print("%d KB in flash, %d KB free" % (free - _free(), _free()))
    finally:
        files = SlotFiles()
        for name in files.names(board.STORAGE):
            files.remove(board.STORAGE + "/" + name)
        os.rmdir(board.STORAGE)
