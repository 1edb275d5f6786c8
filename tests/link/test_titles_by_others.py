"""Titles by Shaka Packager and FFmpeg, read by the terminal on CPython and MicroPython: the samples of the clear file.

Where these programs are missing the tests are skipped, as those of tests/peers are.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from testbed.runtimes import RuntimeUnavailable, unix_binary

from tests.helpers.others import ALL_KEYS, OTHERS, by_others
from tests.helpers.tunes import packets, tune
from tests.peers.conftest import need, need_module

pytestmark = pytest.mark.peer
ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
from hashlib import sha256
from settop.errors import RemoteError
from settop.titles.reader import TitleReader

KEYS = %r

class Unit:
    def make(self, *what):
        return self
    def begin(self, size):
        self.left = size
        self.hash = sha256()
        if not size:
            print("empty")
    def write(self, octets, start, end):
        count = min(end - start, 100)
        self.hash.update(memoryview(octets)[start:start + count])
        self.left -= count
        if not self.left:
            print("".join(["%%02x" %% octet for octet in self.hash.digest()]))
        return count
    def flush(self):
        return True
    def drop(self):
        pass

unit = Unit()
reader = TitleReader(lambda kid: bytearray(KEYS[kid]) if kid in KEYS else None, None, make=unit.make)
try:
    with open(sys.argv[1], "rb") as file:
        while True:
            piece = file.read(700)
            if not piece:
                break
            at = 0
            while at < len(piece):
                at += reader.feed(piece, at)
    reader.finish()
except RemoteError as error:
    print("refused:", error)
reader.close()
"""


@pytest.fixture(scope="module", params=["cpython", pytest.param("unix", marks=pytest.mark.unix)])
def samples(request, tmp_path_factory):
    """What a title's samples hash to on that interpreter."""
    program = tmp_path_factory.mktemp("program") / "reads.py"
    shims = "from testbed.machines.cpython import use_shims\nuse_shims()\n" if request.param == "cpython" else ""
    try:
        command = [sys.executable] if shims else [*unix_binary().argv, "-X", "heapsize=200000"]
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    program.write_text(shims + PROGRAM % ALL_KEYS)
    rooms = os.pathsep.join(str(ROOT / room) for room in ("firmware", "host", "emulator"))
    environment = {"PATH": os.defpath, "MICROPYPATH": f"{ROOT / 'firmware'}:.frozen", "PYTHONPATH": rooms}

    def samples(title):
        done = subprocess.run([*command, str(program), str(title)], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\n")[:-1]

    return samples


@pytest.mark.parametrize("which", OTHERS)
def test_a_title_by_others_has_the_samples_of_the_clear_file(which, samples, tmp_path):
    title = by_others(which, tune("aac"), tmp_path / "title.mp4", need, need_module)
    ((_, clear),) = packets(tune("aac"))
    assert samples(title) == [hashlib.sha256(sample).hexdigest() for sample in clear] and len(clear) > 100


def test_ffmpegs_mp3_too(samples, tmp_path):
    title = by_others("ffmpeg", tune("mp3"), tmp_path / "title.mp4", need, need_module)
    ((_, clear),) = packets(tune("mp3"))
    assert samples(title) == [hashlib.sha256(sample).hexdigest() for sample in clear] and len(clear) > 100
