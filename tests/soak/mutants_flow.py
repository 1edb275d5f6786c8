"""Named mutants of the flow to a viewer's buffer: what keeps it full, in order, and never overrun, whoever reports."""

from tests.soak.mutants import Mutant

BUFFER = "firmware/settop/media/buffer.py"
FEEDBACK = "firmware/settop/media/feedback.py"
FLOW = "host/headend/media/flow.py"
SENDER = "host/headend/media/sender.py"
VARIANTS = "host/headend/media/variants.py"
ADAPTATION = "host/headend/media/adaptation.py"
ON_BOARD = ("tests/firmware/test_media_buffer.py",)
LINES = ("tests/host/test_media_flow.py",)
SERVER = ("tests/host/test_media_adaptation.py",)

MUTANTS = (
    Mutant(
        "what waits aside takes no room",
        BUFFER,
        "room -= holes * self._slot_bytes",
        "pass",
        ON_BOARD,
    ),
    Mutant(
        "a packet that comes twice is taken twice",
        BUFFER,
        "if ahead and self._aside_lengths[slot]:",
        "if False:",
        ON_BOARD,
    ),
    Mutant(
        "a late packet counts as one that came twice",
        BUFFER,
        "            self.missing += 1\n            self._came[self._expected % _REMEMBERED] = 0\n",
        "            self.missing += 1\n",
        ON_BOARD,
    ),
    Mutant(
        "a gap is never given up by time",
        BUFFER,
        "if empty or self.ended or now_ms - self._gap_ms >= REORDER_MS:",
        "if empty or self.ended:",
        ON_BOARD,
    ),
    Mutant(
        "the end is an underrun",
        BUFFER,
        "elif self.state == PLAYING and not self._count and not self.ended:",
        "elif self.state == PLAYING and not self._count:",
        ON_BOARD,
    ),
    Mutant(
        "a packet behind its time is no underrun",
        BUFFER,
        "if not self._count and self.state == PLAYING and now_ms > self._origin_ms + self._last_ms:",
        "if False:",
        ON_BOARD,
    ),
    Mutant(
        "a payload is not split at the ring's end",
        BUFFER,
        "            self._ring[: length - part] = payload[part:]\n",
        "",
        ON_BOARD,
    ),
    Mutant(
        "the fall below the low mark is not told of at once",
        FEEDBACK,
        "return (not self._low or since_ms >= LOW_MS) and buffer.level_ms(now_ms) < buffer.low_ms",
        "return False",
        ON_BOARD,
    ),
    Mutant(
        "what is on its way takes no room",
        FLOW,
        "self._is_full = free - self.in_flight - octets < RESERVE",
        "self._is_full = free - octets < RESERVE",
        LINES,
    ),
    Mutant(
        "what a clock cannot have played may be had",
        FLOW,
        "if self._is_full or self._ahead(now_ms) + octets > self.size:",
        "if self._is_full:",
        LINES,
    ),
    Mutant(
        "packets that were lost take room for ever",
        FLOW,
        "            self._given_up += 1\n",
        "            break\n",
        LINES,
    ),
    Mutant(
        "older reports are believed",
        FLOW,
        "if highest < max(self._highest, 0) or highest >= self._numbers:",
        "if highest >= self._numbers:",
        LINES,
    ),
    Mutant(
        "packets that were not sent have been received",
        FLOW,
        "if highest < max(self._highest, 0) or highest >= self._numbers:",
        "if highest < max(self._highest, 0):",
        LINES,
    ),
    Mutant(
        "a flood of reports is read",
        FLOW,
        "if self._heard_ms is not None and now_ms - self._heard_ms < SOONEST_MS:",
        "if False:",
        LINES,
    ),
    Mutant(
        "what was sent is remembered for ever",
        FLOW,
        "        while self._octets - self._sent[0].before > 3 * self.size:\n            self._sent.popleft()\n",
        "        pass\n",
        LINES,
    ),
    Mutant(
        "loss does not slow it",
        FLOW,
        "lossy = (lost - before) / (highest - number) >= LOSS",
        "lossy = False",
        LINES,
    ),
    Mutant(
        "tries of a heavier variant come as often as before",
        FLOW,
        "self._patience_ms = min(2 * self._patience_ms, MAX_CLEAN_MS) if soon else CLEAN_MS",
        "self._patience_ms = CLEAN_MS",
        LINES,
    ),
    Mutant(
        "another variant begins anywhere",
        VARIANTS,
        "for place in found:",
        "for place in range(len(packets)):",
        LINES,
    ),
    Mutant(
        "the one variant does not end with the picture with which the other begins",
        VARIANTS,
        "if presented is None:",
        "if True:",
        ("tests/peers/test_media_variants.py",),
    ),
    Mutant(
        "nothing says that the counters are another variant's",
        VARIANTS,
        "    packet[5] |= 0x80\n",
        "    pass\n",
        LINES,
    ),
    Mutant(
        "RTP time goes back when play goes on",
        SENDER,
        "self._start_time = max(self._time(now_ms), self._last_time)",
        "self._start_time = self._time(now_ms)",
        SERVER,
    ),
    Mutant(
        "a buffer that is gone by is not acknowledged",
        ADAPTATION,
        'return [(ADAPTATION, value.decode("latin-1"))]',
        "return []",
        SERVER,
    ),
)
