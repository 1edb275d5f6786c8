"""When keys leave and when the centre loses patience; and what it tells its owner."""

from dataclasses import dataclass

from settop.errors import LocalError

KEY_ROOM_MS = 300
"""Between lead_max_ms and lead_min_ms at least: a key takes 210 ms to cross a line of 2,400 bit/s."""
RTO_MIN_MS = 1_000
KEY_OCTETS = 60
"""A KEY on the line, framed, with some stuffing."""
ACK_OCTETS = 30
BITS_PER_OCTET = 10
PROCESSING_MS = 200
"""A board's time for two keys and their acknowledgements."""


@dataclass(frozen=True)
class Timing:
    """The key of portion n+1 is sent at max(start(n), start(n+1) - lead_max_ms). All times in ms.

    lead_min_ms       a terminal that joins later than this before the end of a portion is not sold that portion;
                      a key on a sound line is complete this long before its portion begins
    rto_ms            a key that is not acknowledged after this long is sent again; half of it is the least time
                      between two sendings, whatever the terminal asks for
    tries             how often a key is sent at most; a terminal is given up after tries * rto_ms of silence
    goodbye_grace_ms  how long a GOODBYE may be on its way, see `grace_ms`
    key_ms            how long a KEY occupies the line; a TOKEN takes half as long

    Raises LocalError for a lead_max_ms under lead_min_ms + 300, and for times or tries under 1.
    """

    lead_max_ms: int = 10_000
    lead_min_ms: int = 500
    rto_ms: int = RTO_MIN_MS
    tries: int = 8
    goodbye_grace_ms: int = 1_500
    key_ms: int = 250

    def __post_init__(self) -> None:
        if self.lead_max_ms < self.lead_min_ms + KEY_ROOM_MS:
            raise LocalError(
                f"keys {self.lead_max_ms} ms ahead at most and {self.lead_min_ms} ms at least leave them no time: "
                f"expected {self.lead_min_ms + KEY_ROOM_MS} ms or more (a longer portion, or a smaller lead_min_ms)"
            )
        if min(self.rto_ms, self.tries) < 1 or min(self.lead_min_ms, self.goodbye_grace_ms) < 0:
            raise LocalError("rto_ms and tries must be 1 or more, lead_min_ms and goodbye_grace_ms 0 or more")

    @classmethod
    def for_line(cls, bits_per_s: int, delay_ms: int, lead_max_ms: int, lead_min_ms: int = 500) -> "Timing":
        """Timing for a line of this rate and one-way delay.

        rto_ms = 2 * delay + the time of two KEYs and an ACK + 200, at least 1,000: on joining two keys leave at once.
        """
        if bits_per_s < 1 or delay_ms < 0:
            raise LocalError("a line has 1 bit/s or more and a delay of 0 ms or more")
        octets_ms = -(-(2 * KEY_OCTETS + ACK_OCTETS) * BITS_PER_OCTET * 1_000 // bits_per_s)
        rto_ms = max(RTO_MIN_MS, 2 * delay_ms + octets_ms + PROCESSING_MS)
        key_ms = -(-KEY_OCTETS * BITS_PER_OCTET * 1_000 // bits_per_s)
        return cls(lead_max_ms=lead_max_ms, lead_min_ms=lead_min_ms, rto_ms=rto_ms, key_ms=key_ms)

    @property
    def silence_ms(self) -> int:
        """How long a terminal may owe an answer."""
        return self.tries * self.rto_ms

    def grace_ms(self, portion_ms: int) -> int:
        """Within this time from its start a portion can still be given back by a GOODBYE that was on its way."""
        return min(self.goodbye_grace_ms, portion_ms // 4)

    @property
    def dark_grace_ms(self) -> int:
        """How much later than the dark itself a DARK may come: a key was late, DARK is on its way and said again."""
        return self.goodbye_grace_ms + 2 * self.rto_ms


@dataclass(frozen=True)
class Event:
    """`kind`: authenticated, request, key_sent, key_acknowledged, token_sent, token_stored, alarm, dark, refused,
    ledger_failed or closed."""

    kind: str
    at_ms: int
    portion: int = -1
    text: str = ""
