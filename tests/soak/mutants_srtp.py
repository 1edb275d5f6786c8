"""Named mutants of RTP and SRTP: what keeps a packet that is forged, had before or misread from being believed."""

from tests.soak.mutants import Mutant

SRTP = "firmware/settop/media/srtp.py"
STREAM = "firmware/settop/media/srtp_stream.py"
COUNTER = "firmware/settop/media/srtp_counter.py"
GCM = "firmware/settop/media/srtp_gcm.py"
RTCP = "firmware/settop/wire/rtcp.py"
TESTS = ("tests/firmware/test_srtp.py", "tests/firmware/test_srtp_replay.py")

MUTANTS = (
    Mutant(
        "any tag of HMAC-SHA1 will do",
        COUNTER,
        "if differs(self._hmac.tag(self._covered, self._more), packet, size - bytes_of_tag, bytes_of_tag):",
        "if False:",
        TESTS,
    ),
    Mutant(
        "the roll-over counter is not authenticated",
        COUNTER,
        "        if high != self._high:\n            self._tell(high)\n",
        "",
        TESTS,
    ),
    Mutant(
        "any tag of GCM will do",
        GCM,
        "            return False\n        self._mode.crypt_behind(packet, start",
        "            pass\n        self._mode.crypt_behind(packet, start",
        TESTS,
    ),
    Mutant(
        "a packet may come twice",
        STREAM,
        "return ahead <= 0 and (ahead < -self.last or self.slots[number & self.last] != 0)",
        "return ahead < -self.last",
        TESTS,
    ),
    Mutant(
        "what is older than the window may come",
        STREAM,
        "(ahead < -self.last or self.slots",
        "(self.slots",
        TESTS,
    ),
    Mutant(
        "slots that the window passes over stay taken",
        STREAM,
        "self.slots[between & last] = 0",
        "pass",
        TESTS,
    ),
    Mutant(
        "a forged packet moves the window",
        SRTP,
        "self._refuse()\n                stream.follow(",
        "stream.follow(sequence)\n                    self._refuse()\n                stream.follow(",
        TESTS,
    ),
    Mutant(
        "a forged packet takes a source's room",
        SRTP,
        "        if not keys.open(packet, start,",
        "        self._stream(packet, SOURCE_AT)\n        if not keys.open(packet, start,",
        TESTS,
    ),
    Mutant(
        "a sequence number may be protected twice",
        SRTP,
        "if seen.had(sequence, ahead):",
        "if False:",
        TESTS,
    ),
    Mutant(
        "what went out may come in again",
        SRTP,
        "stream.seen_control.add(index, 1, 0)",
        "stream.seen_control.highest = index",
        TESTS,
    ),
    Mutant(
        "encrypted or not, a control packet is taken",
        SRTP,
        "if (word & _ENCRYPTED != 0) != keys.encrypts:",
        "if False:",
        TESTS,
    ),
    Mutant(
        "closed keys stay in memory",
        "firmware/settop/crypto/counter.py",
        "        self._cipher = None\n        wipe(self._work)",
        "        self._cipher = None",
        ("tests/firmware/test_srtp.py", "tests/firmware/test_srtp_keys.py"),
    ),
    Mutant(
        "padding may be longer than the packet",
        "firmware/settop/wire/rtp.py",
        "if not 1 <= padding <= size - at:",
        "if not padding:",
        ("tests/firmware/test_rtp_wire.py",),
    ),
    Mutant(
        "a control packet may begin with anything",
        RTCP,
        "if not found and kind not in (SR, RR):",
        "if False:",
        ("tests/firmware/test_rtcp_wire.py",),
    ),
    Mutant(
        "a control packet may hold any number of packets",
        RTCP,
        "if len(found) == MAX_PACKETS:",
        "if False:",
        ("tests/firmware/test_rtcp_wire.py",),
    ),
    Mutant(
        "one leap begins a source anew",
        "firmware/settop/media/reception.py",
        "if sequence != self._bad:",
        "if False:",
        ("tests/firmware/test_rtp_reception.py",),
    ),
)
