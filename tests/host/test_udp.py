"""Transport streams on UDP: addresses, what a datagram carries, pacing by the clock, and one real loop."""

import random
import threading
import time

import numpy as np
import pytest
from headend.broadcast.pacing import LATE_NS, Pacer
from headend.broadcast.udp import UdpAddress, UdpInput, UdpOutput, packets_in
from settop.errors import LocalError, RemoteError

from tests.helpers.ts_builder import plain_stream

TICKS_PER_S = 27_000_000


def test_addresses_are_read():
    assert UdpAddress.parse("udp://239.1.2.3:5000") == UdpAddress("239.1.2.3", 5000)
    assert UdpAddress.parse("udp://@239.1.2.3:5000?ttl=4&timeout=0.5&localaddr=127.0.0.1") == UdpAddress(
        "239.1.2.3", 5000, "127.0.0.1", 4, 0.5
    )
    assert UdpAddress.parse("udp://@:5000").host == "0.0.0.0"  # noqa: S104
    assert UdpAddress.parse("udp://239.1.2.3:5000").is_group
    assert not UdpAddress.parse("udp://127.0.0.1:5000").is_group


@pytest.mark.parametrize(
    "url",
    [
        *(
            "udp://",
            "udp://239.1.2.3",
            "udp://239.1.2.3:0",
            "udp://239.1.2.3:99999",
            "udp://[::1]:5000",
            "rtp://1.2.3.4:5",
        ),
        *("udp://239.1.2.3:5000?ttl=999", "udp://239.1.2.3:5000?what=1", "udp://239.1.2.3:5000?ttl", "udp://1.2.3.4:x"),
        *("udp://[::1:5000", "udp://[film]:5000"),
        *("udp://239.1.2.3:5000?timeout=0", "udp://239.1.2.3:5000?timeout=nan", "udp://239.1.2.3:5000?localaddr=x"),
    ],
)
def test_what_is_no_address_is_refused_with_an_example(url):
    with pytest.raises(LocalError, match=r"expected udp://HOST:PORT"):
        UdpAddress.parse(url)


def test_datagrams_carry_whole_packets_with_or_without_rtp():
    packets = plain_stream(100).packets[:7]
    data = b"".join(packets)
    assert packets_in(data) == data
    assert packets_in(packets[0]) == packets[0]
    rtp = b"\x80\x21\x00\x01" + bytes(8)
    assert packets_in(rtp + data) == data
    assert packets_in(b"\x91\xa1\x00\x01" + bytes(8) + b"CSRC" + b"\xbe\xde\x00\x01ext." + data) == data
    for bad in (b"", data[:-1], data[1:], b"\x80\x21", rtp, rtp + data[:100], b"\x80\x60\x00\x01" + bytes(8) + data):
        assert packets_in(bad) == b""


def test_random_datagrams_never_raise():
    rng = random.Random(1)
    for _ in range(5000):
        head = rng.choice((b"", b"\x80\x21", b"\x9f\x21", b"\x90\xa1"))
        data = head + rng.randbytes(rng.choice((0, 1, 11, 12, 188, 200, 1316, 1328)))
        assert len(packets_in(data)) % 188 == 0


class Clock:
    """Virtual time: sleeping takes as long as it should, and a little more."""

    def __init__(self, oversleep_ns=0):
        self.now_ns, self.oversleep_ns = 10**9, oversleep_ns

    def now(self):
        return self.now_ns

    def sleep(self, seconds):
        self.now_ns += round(seconds * 1e9) + self.oversleep_ns


def paced(ticks, oversleep_ns=0, step=50):
    clock, sent = Clock(oversleep_ns), []
    pacer = Pacer(lambda data: sent.append((clock.now_ns, data)), clock.now, clock.sleep)
    packets = np.arange(len(ticks) * 188, dtype=np.int64).astype(np.uint8).reshape(-1, 188)
    for row in range(0, len(ticks), step):
        pacer.put(packets[row : row + step], np.array(ticks[row : row + step]))
        pacer.run(3600.0, 100_000_000)
    pacer.finish()
    assert b"".join(data for _, data in sent) == packets.tobytes()
    assert all(len(data) == 1316 for _, data in sent[:-1])
    return [at for at, _ in sent], pacer.jitter


def test_datagrams_leave_when_their_clock_says():
    ticks = [row * TICKS_PER_S // 1000 for row in range(700)]  # a packet each ms
    times, jitter = paced(ticks)
    assert np.diff(times).tolist() == [7_000_000] * 99
    assert (jitter.datagrams, jitter.worst_ns, jitter.restarts) == (100, 0, 0)


def test_late_sleepers_are_told_and_make_up_for_it():
    ticks = [row * TICKS_PER_S // 1000 for row in range(700)]
    times, jitter = paced(ticks, oversleep_ns=300_000)
    assert times[-1] - times[0] == 99 * 7_000_000 + 300_000
    assert jitter.worst_ns == 300_000
    assert "0.30 ms at worst" in jitter.line()


def test_clock_that_jumps_is_taken_up_anew():
    jump = 3600 * TICKS_PER_S
    ticks = [row * TICKS_PER_S // 1000 + (jump if row >= 350 else 0) for row in range(700)]
    times, jitter = paced(ticks)
    assert jitter.restarts == 1
    assert times[-1] - times[0] < 1_000_000_000


def test_input_that_stood_still_is_not_caught_up_in_a_burst():
    clock, sent = Clock(), []
    pacer = Pacer(lambda data: sent.append(clock.now_ns), clock.now, clock.sleep)
    packets, ticks = np.zeros((70, 188), np.uint8), np.arange(70) * TICKS_PER_S // 1000
    pacer.put(packets, ticks)
    pacer.finish()
    clock.now_ns += 10 * LATE_NS
    pacer.put(packets, ticks + 70 * TICKS_PER_S // 1000)
    pacer.finish()
    assert pacer.jitter.restarts == 1
    assert np.diff(sent[10:]).tolist() == [7_000_000] * 9


def test_cushion_keeps_bursts_of_the_input_from_the_output():
    """The input brings 100 ms of programme every 100 ms, at once."""
    clock, sent = Clock(), []
    pacer = Pacer(lambda data: sent.append(clock.now_ns), clock.now, clock.sleep, cushion_ns=150_000_000)
    for burst in range(20):
        began = clock.now_ns
        ticks = (burst * 98 + np.arange(98)) * TICKS_PER_S // 1000
        pacer.put(np.zeros((98, 188), np.uint8), ticks)
        while clock.now_ns < began + 98_000_000:
            before = clock.now_ns
            pacer.run(0.001)
            clock.now_ns += 1_000_000 * (clock.now_ns == before)
    pacer.finish()
    assert np.diff(sent).min() > 6_900_000
    assert np.diff(sent).max() < 7_100_000
    assert pacer.jitter.restarts == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "239.255.77.7"])
def test_what_is_sent_is_received(host):
    packets = plain_stream(400).bytes()
    address = UdpAddress(host, 20000 + random.randrange(20000), "127.0.0.1", 0, 0.3)
    try:
        source = UdpInput(address)
    except OSError as error:
        pytest.skip(f"no multicast here: {error}")
    with source, UdpOutput(address) as target:

        def send():
            target.send(b"noise")
            for at in range(0, len(packets), 1316):
                target.send(packets[at : at + 1316])
                time.sleep(0.0002)

        sender = threading.Thread(target=send)
        sender.start()
        came = b""
        while (chunk := source.read(1.0)) is not None:
            came += chunk.tobytes()
        sender.join()
    assert came == packets
    assert (source.refused, source.lost) == (1, 0)


def test_input_to_which_nothing_comes_says_so(monkeypatch):
    from headend.broadcast import udp

    monkeypatch.setattr(udp, "FIRST_S", 0.2)
    source = UdpInput(UdpAddress("127.0.0.1", 20000 + random.randrange(20000), silence_s=0.1))
    with source, pytest.raises(RemoteError, match="no transport stream came"):
        while source.read(0.5) is not None:
            pass
