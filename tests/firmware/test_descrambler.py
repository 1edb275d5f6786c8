"""The opener: the standard's vectors, and batches of every shape without a byte of heap per packet.

The same tests for one core, for both, and for the two halves of a run in one thread where there is no second core.
"""

import gc

import cissa_vectors as vectors
import small_stream as air
from kit import Skip, raises
from settop.crypto.aes import aes_ecb
from settop.errors import LocalError
from settop.ts import packet as ts
from settop.ts.descrambler import MIN_SPLIT, Descrambler
from settop.ts.slots import Slots
from settop.wire.transport import CISSA_IV
from two_cores import OPENERS, InlineCore

KEY = bytes(range(16))


def es_table(pid=air.ES_PID):
    table = bytearray(ts.PIDS)
    table[pid] = ts.PID_ES
    return table


def opened(descrambler, packets, cipher, table):
    """What the packets give in one batch, all under one key."""
    for i in range(len(packets)):
        descrambler.slots.source[ts.IN_OFFSET + 188 * i : ts.IN_OFFSET + 188 * (i + 1)] = packets[i]
    count = descrambler.slots.sort(table, len(packets), 188 * len(packets))
    assert count == len(packets)
    slot = 0
    while slot < count:
        if cipher is None:
            slot = descrambler.slots.pass_over(slot, count)
        else:
            slot = descrambler.open_run(slot, count, cipher)
    filled = descrambler.slots.filled
    descrambler.slots.filled = 0
    return bytes(descrambler.slots.output(filled))


def test_the_four_vectors_of_the_standard():
    table = es_table((vectors.CLEAR_HEADER[1] & 0x1F) << 8 | vectors.CLEAR_HEADER[2])
    cipher = aes_ecb(vectors.KEY)
    assert vectors.IV == CISSA_IV
    for adaptation_octets, first, last, residue in vectors.CASES:
        clear = vectors.packet(adaptation_octets)
        sent = air.scrambled(clear, vectors.KEY, 0)
        at = 4 + adaptation_octets
        assert sent[at : at + 16] == first
        assert sent[188 - len(residue) - 16 : 188 - len(residue)] == last
        assert sent[188 - len(residue) :] == residue
        assert sent[3] & 0xC0 == vectors.SCRAMBLED_HEADER[3] & 0xC0
        for opener in OPENERS:
            with opener() as helper:
                # So many that a second core gets its half.
                assert opened(Descrambler(Slots(9), helper), [sent] * 9, cipher, table) == clear * 9, opener.name


def test_random_packets_batch_after_batch():
    rng = air.Rng(21)
    cipher = aes_ecb(KEY)
    table = es_table()
    for opener in OPENERS:
        with opener() as helper:
            descrambler = Descrambler(Slots(32), helper)
            for batch in range(air.times(1000 // 25)):
                clear = [air.stream_packet(rng, i, (batch * 25 + i) % 183 if i % 3 else None) for i in range(25)]
                sent = [air.scrambled(one, KEY, batch & 1) for one in clear]
                assert opened(descrambler, sent, cipher, table) == b"".join(clear), opener.name
            assert helper is None or (helper.jobs == batch + 1 and not helper.ended)


def test_batches_of_every_length_with_packets_that_are_dropped():
    """Every number of packets in a run, so every way to halve one; dropped ones at every place."""
    rng = air.Rng(24)
    cipher = aes_ecb(KEY)
    table = es_table()
    for opener in OPENERS:
        with opener() as helper:
            descrambler = Descrambler(Slots(32), helper)
            for count in range(1, 33):
                clear = []
                sent = []
                for i in range(count):
                    one = air.stream_packet(rng, i, rng.below(183) if rng.below(3) == 0 else None)
                    if rng.below(4) == 0:
                        one = one[:1] + b"\x05\x55" + one[3:]  # not in the table
                    else:
                        clear.append(one)
                    sent.append(air.scrambled(one, KEY, 0))
                assert opened(descrambler, sent, cipher, table) == b"".join(clear), (opener.name, count)


def opened_by_parity(descrambler, packets, ciphers, table):
    """The same with a key for each parity."""
    descrambler.slots.source[ts.IN_OFFSET : ts.IN_OFFSET + 188 * len(packets)] = b"".join(packets)
    count = descrambler.slots.sort(table, len(packets), 188 * len(packets))
    slot = 0
    while slot < count:
        slot = descrambler.open_run(slot, count, ciphers[descrambler.slots.plan[slot] & 1])
    filled = descrambler.slots.filled
    descrambler.slots.filled = 0
    return bytes(descrambler.slots.output(filled))


def test_keys_that_change_at_every_place_of_a_batch():
    rng = air.Rng(25)
    keys = [bytes([parity]) * 16 for parity in range(2)]
    table = es_table()
    clear = [air.stream_packet(rng, i) for i in range(32)]
    sent = [[air.scrambled(one, keys[parity], parity) for one in clear] for parity in range(2)]
    for opener in OPENERS:
        with opener() as helper:
            descrambler = Descrambler(Slots(32), helper)
            for change in range(0, 33, 32 // air.times(32)):
                ciphers = [aes_ecb(key) for key in keys]  # new objects at the addresses of old ones
                given = sent[0][:change] + sent[1][change:]
                assert opened_by_parity(descrambler, given, ciphers, table) == b"".join(clear), (opener.name, change)


def test_without_a_key_nothing_is_put_out():
    rng = air.Rng(22)
    sent = [air.scrambled(air.stream_packet(rng, i, 7 * i if i else None), KEY, 0) for i in range(20)]
    for opener in OPENERS:
        with opener() as helper:
            descrambler = Descrambler(Slots(32), helper)
            assert opened(descrambler, sent, None, es_table()) == b""
            assert descrambler.slots.run_packets == 20
            # And none again after there has been one: what the second core had is not put out.
            opened(descrambler, sent, aes_ecb(KEY), es_table())
            assert opened(descrambler, sent, None, es_table()) == b""


def test_a_few_packets_are_not_worth_a_second_core():
    rng = air.Rng(26)
    helper = InlineCore()
    clear = [air.stream_packet(rng, i) for i in range(MIN_SPLIT)]
    sent = [air.scrambled(one, KEY, 0) for one in clear]
    descrambler = Descrambler(Slots(8), helper)
    for count, jobs in ((MIN_SPLIT - 1, 0), (MIN_SPLIT, 1)):
        assert opened(descrambler, sent[:count], aes_ecb(KEY), es_table()) == b"".join(clear[:count])
        assert helper.jobs == jobs


def test_what_a_second_core_leaves_undone_the_first_does():
    """It fails in its first run, or in a later one, or does not even start: not a packet is lost."""
    rng = air.Rng(27)
    clear = [air.stream_packet(rng, i, None if i % 3 else i) for i in range(32)]
    sent = [air.scrambled(one, KEY, 0) for one in clear]
    for good in (None, 0, 1):
        helper = InlineCore(good)
        descrambler = Descrambler(Slots(32), helper)
        cipher = aes_ecb(KEY)
        for _ in range(3):
            assert opened(descrambler, sent, cipher, es_table()) == b"".join(clear)
        assert helper.ended and descrambler.helper is None
        assert helper.jobs == (0 if good is None else good + 1)


def test_a_cipher_has_its_schedule_before_two_cores_share_it():
    """A cryptolib object makes it at its first call, and a second one in that time would read half of it."""

    class Cipher:
        def __init__(self):
            self.calls = 0

        def decrypt(self, data, out):
            self.calls += 1

    class Watching(InlineCore):
        def start(self, cipher, span, out):
            assert cipher.calls > 0
            InlineCore.start(self, cipher, span, out)

    rng = air.Rng(28)
    sent = [air.scrambled(air.stream_packet(rng, i), KEY, 0) for i in range(8)]
    helper = Watching()
    descrambler = Descrambler(Slots(8), helper)
    for _ in range(3):
        opened(descrambler, sent, Cipher(), es_table())
    assert helper.jobs == 3


def test_opening_does_not_allocate_per_packet():
    if not hasattr(gc, "mem_alloc"):
        raise Skip("this interpreter does not count its heap")
    rng = air.Rng(23)
    cipher = aes_ecb(KEY)
    table = es_table()
    sent = [air.scrambled(air.stream_packet(rng, i, None if i % 4 else 13), KEY, 0) for i in range(31)]
    for opener in OPENERS:
        with opener() as helper:
            descrambler = Descrambler(Slots(32), helper)
            opened(descrambler, sent, cipher, table)
            gc.collect()
            gc.disable()
            before = gc.mem_alloc()
            count = descrambler.slots.sort(table, 31, 188 * 31)
            slot = 0
            while slot < count:
                slot = descrambler.open_run(slot, count, cipher)
            used = gc.mem_alloc() - before
            gc.enable()
            assert descrambler.slots.filled == 31
            # Integers of the unix port's bench aside, nothing: far under one packet for 31 of them.
            assert used <= 64, (opener.name, used)


def test_every_buffer_that_words_go_into_starts_on_a_word():
    try:
        from uctypes import addressof
    except ImportError:
        raise Skip("addresses are MicroPython's") from None
    for slots in (1, 2, 3, 32):
        descrambler = Descrambler(Slots(slots))
        descrambler.make_ready()
        source, _, work, views, rooms = descrambler._kit
        for buffer in (source, descrambler.slots.out, work, views[1]):
            assert addressof(buffer) % 4 == 0
        for view in rooms:
            assert len(view) == 0 or addressof(view) % 4 == 0


class Counted:
    """A second core that counts how often it is started."""

    begun = 0

    def begin(self, source, plan):
        self.begun += 1
        return True


def test_second_core_is_started_once_and_without_a_key():
    helper = Counted()
    descrambler = Descrambler(Slots(2), helper)
    assert helper.begun == 0
    descrambler.make_ready()
    descrambler.make_ready()
    assert helper.begun == 1 and descrambler.helper is helper


def test_slots_that_do_not_fit_the_plan_are_refused():
    for slots in (0, 33):
        with raises(LocalError):
            Slots(slots)
