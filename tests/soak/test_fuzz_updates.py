"""Signed modules, damaged and invented, against terminal and head-end: taken as they were signed, or refused.

Half of them meet a terminal that believes every signature, so that what lies behind it is tried too.
"""

import hashlib
import random
import sys
from pathlib import Path

from headend.updates.module import read
from settop.errors import LocalError, RemoteError
from testbed.machines.cpython import use_shims

HERE = Path(__file__).parent
sys.path += [str(HERE.parent / "firmware"), str(HERE.parent / "vectors")]
use_shims()
import update_vectors as vectors  # noqa: E402
from settop.wire.update import HEAD_BYTES, Head, pack_head, unpack_head  # noqa: E402
from test_updates_power import Believed  # noqa: E402
from update_rig import Terminal, installed  # noqa: E402

from tests.helpers.update_modules import KEY  # noqa: E402

FRONT = 157
GOOD = (vectors.BEEP_1, vectors.BEEP_2, vectors.BEEP_9, vectors.TICK_1, vectors.BEEP_6_OF_ANOTHER_BOARD)
FIELDS = ((0, 4), (4, 5), (5, 6), (6, 22), (22, 38), (38, 50), (50, 54), (54, 57), (57, 61), (61, 93), (93, 157))


def damaged(rng):
    """A good module with some things done to it, often none."""
    data = bytearray(rng.choice(GOOD))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        what = rng.randrange(7)
        at = rng.randrange(len(data)) if data else 0
        if what == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            start, end = rng.choice(FIELDS)
            data[start:end] = rng.choice((rng.randbytes(end - start), bytes(end - start), b"\xff" * (end - start)))
        elif what == 2:
            del data[at:]
        elif what == 3:
            data += rng.randbytes(rng.randrange(1, 300))
        elif what == 4:
            data[at:at] = rng.randbytes(rng.randrange(1, 4))
        elif what == 5:
            data = data[:FRONT] + rng.choice(GOOD)[FRONT:]
        else:
            data = bytearray(rng.randbytes(rng.randrange(400)))
    return bytes(data)


def test_a_damaged_module_is_refused_or_is_what_was_signed(cases):
    rng = random.Random("fuzz updates")
    base = installed(vectors.BEEP_1)
    terminal = Terminal(base.copy())
    taken = refused = 0
    for number in cases(200):
        octets = damaged(rng)
        size = rng.choice((1, 13, 93, 157, 512))
        believes = bool(number & 1)
        try:
            if believes:
                with Believed():
                    terminal.receive(octets, size)
            else:
                terminal.receive(octets, size)
        except RemoteError as error:
            refused += 1
            assert len(str(error)) < 200 and str(error).isprintable(), octets.hex()
            assert terminal.files() == ["update/A/up_beep.py"], octets.hex()
            if not number % 50:
                assert terminal.runs() == "beep 1", octets.hex()
            continue
        except Exception as error:
            raise AssertionError(f"case {number}: {octets.hex()}, {size} at a time, gave {error!r}") from error
        taken += 1
        head = unpack_head(octets[:HEAD_BYTES])
        assert hashlib.sha256(octets[FRONT:]).digest() == head.digest, octets.hex()
        if not believes:
            read(octets).judge(KEY.public)
        assert (head.name, head.version) != ("beep", 1) and head.board in ("", "test"), octets.hex()
        terminal = Terminal(base.copy())
    assert taken > 5 and refused > 50


def test_the_head_end_says_of_each_what_is_wrong_or_makes_the_same_octets_again(cases):
    rng = random.Random("fuzz update files")
    for number in cases(200):
        octets = damaged(rng)
        try:
            one = read(octets)
            assert one.octets() == octets, f"case {number}: {octets.hex()}"
            one.judge(KEY.public)
        except (RemoteError, LocalError) as error:
            assert str(error).isprintable()


def test_any_head_that_is_packed_is_read_as_it_was(cases):
    rng = random.Random("fuzz update heads")
    letters = "abz019_-./A\x00\x7f"
    packed = 0
    for _ in cases(2000):
        texts = ["".join(rng.choices(letters[: rng.choice((3, 7, 13))], k=rng.randrange(18))) for _ in range(3)]
        if rng.randrange(2):
            texts[1] = ""
        version, length = (rng.choice((0, 1, 2**32 - 1, 2**32, rng.getrandbits(16))) for _ in range(2))
        kind = rng.randrange(4) if rng.randrange(2) else 1 + (not texts[1])
        head = Head(kind, *texts, version, rng.randbytes(3), length, rng.randbytes(32))
        try:
            data = pack_head(head)
        except LocalError:
            continue
        packed += 1
        assert vars(unpack_head(data)) == vars(head), data.hex()
    assert packed > 20
