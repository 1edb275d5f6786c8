"""How the scrambled file gets onto the disk."""

import os

from headend.ts.io import output
from headend.ts.packets import aligned
from headend.ts.scrambler import scramble_file

from tests.helpers.ts_builder import plain_stream

SECRET = bytes(range(100, 132))
BROADCAST = bytes(range(8))


def test_where_writes_are_cut_does_not_show(tmp_path, monkeypatch):
    src = plain_stream(3000, null_every=7).write(tmp_path / "in.ts")
    scramble_file(src, tmp_path / "whole.ts", 0.5, SECRET, BROADCAST)
    for name, value in (("_WRITE_BYTES", 1000), ("_IOV_MAX", 2)):
        monkeypatch.setattr(output, name, value)
        scramble_file(src, tmp_path / "cut.ts", 0.5, SECRET, BROADCAST)
        assert (tmp_path / "whole.ts").read_bytes() == (tmp_path / "cut.ts").read_bytes()


def test_write_that_the_system_cuts_short_is_completed(tmp_path, monkeypatch):
    src = plain_stream(600).write(tmp_path / "in.ts")
    scramble_file(src, tmp_path / "whole.ts", 0.5, SECRET, BROADCAST)
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwritev", lambda handle, pieces, at: pwrite(handle, b"".join(pieces)[:100], at))
    monkeypatch.setattr(os, "pwrite", lambda handle, data, at: pwrite(handle, data[:5000], at))
    scramble_file(src, tmp_path / "short.ts", 0.5, SECRET, BROADCAST)
    assert (tmp_path / "whole.ts").read_bytes() == (tmp_path / "short.ts").read_bytes()


def test_buffers_begin_at_a_page():
    for size in (1, 4096, 3_000_000):
        buffer = aligned(size)
        assert buffer.nbytes == size
        assert buffer.ctypes.data % 4096 == 0
