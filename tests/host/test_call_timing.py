"""Settings of the centre's clock that make no sense are refused where they are made."""

import pytest
from headend.broadcast.schedule import Broadcast
from headend.callcentre.core import Timing
from settop.errors import LocalError
from settop.wire.ids import NO_PORTION


@pytest.mark.parametrize(
    "values",
    [
        {"lead_max_ms": 799},
        {"lead_max_ms": 0},
        {"lead_max_ms": 2_000, "lead_min_ms": 1_701},
        {"rto_ms": 0},
        {"tries": 0},
        {"lead_min_ms": -1},
        {"goodbye_grace_ms": -1},
    ],
)
def test_impossible_timing_is_refused(values):
    with pytest.raises(LocalError):
        Timing(**values)


def test_lead_too_short_says_what_was_expected():
    with pytest.raises(LocalError, match=r"600 ms ahead at most .* expected 800 ms or more"):
        Timing(lead_max_ms=600)
    assert Timing(lead_max_ms=800).lead_max_ms == 800


@pytest.mark.parametrize(
    ("bits_per_s", "delay_ms", "rto_ms"), [(2_400, 10, 1_000), (2_400, 700, 2_225), (300, 40, 5_280), (1_200, 0, 1_450)]
)
def test_time_out_follows_the_line(bits_per_s, delay_ms, rto_ms):
    timing = Timing.for_line(bits_per_s, delay_ms, 4_000)
    assert (timing.rto_ms, timing.lead_max_ms, timing.silence_ms) == (rto_ms, 4_000, 8 * rto_ms)


@pytest.mark.parametrize(("bits_per_s", "delay_ms"), [(0, 0), (-1, 0), (2_400, -1)])
def test_line_that_cannot_be_is_refused(bits_per_s, delay_ms):
    with pytest.raises(LocalError):
        Timing.for_line(bits_per_s, delay_ms, 4_000)


@pytest.mark.parametrize(("portion_ms", "grace_ms"), [(10_000, 1_500), (6_000, 1_500), (2_000, 500), (1_000, 250)])
def test_grace_of_a_goodbye_is_a_quarter_of_the_portion_at_most(portion_ms, grace_ms):
    assert Timing().grace_ms(portion_ms) == grace_ms


@pytest.mark.parametrize("portion", [NO_PORTION, NO_PORTION + 1, -1])
def test_portion_index_that_no_message_can_name_is_refused(portion):
    broadcast = Broadcast(1, bytes(8), bytes(16))
    with pytest.raises(LocalError, match="expected 0 to 4294967294"):
        broadcast.announce(portion, 0, 1_000)
    assert broadcast.position is None
    broadcast.announce(NO_PORTION - 1, 0, 1_000, last=True)
