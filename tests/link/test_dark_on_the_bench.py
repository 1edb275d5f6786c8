"""A viewer who pays and stays dark, on the whole bench: the terminal says why, the centre takes the charge back.

The broadcast is altered on its way into the tuner, packet by packet, as a wrong head-end or a forger would.
"""

import struct

import pytest
from settop.version import FORMATS
from settop.wire import call as wire
from settop.wire.crc import crc32_mpeg2
from testbed.scenario.plan import ActionPlan
from testbed.systems.call.plan import CallAction

from tests.helpers.line_reader import recorded_calls
from tests.helpers.observed import call_plan, observe
from tests.helpers.ts_builder import PMT_PID, VIDEO_PID, plain_stream

PORTION_S = 2.0
ECM_PID = 0x1FF0


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """26 s of a programme whose pictures begin with PES headers, one each 200 ms."""
    builder = plain_stream(26_000, pcr_ms=200)
    for at, one in enumerate(builder.packets):
        if one[1:3] == VIDEO_PID.to_bytes(2, "big") and one[3] & 0x20 and one[4] == 7:
            builder.packets[at] = one[:1] + bytes((one[1] | 0x40,)) + one[2:12] + b"\x00\x00\x01\xe0" + one[16:]
    return builder.write(tmp_path_factory.mktemp("source") / "in.ts")


def play(source, out, alter=None, actions=(), **options):
    """The call from 1 s on, on CPython. `alter(packet, portion)` gives the octets that the tuner gets instead."""

    def change(machine):
        send, portion = machine.send, [0]

        def altered(line, data):
            if line == "tuner" and alter is not None:
                packets = [data[at : at + 188] for at in range(0, len(data), 188)]
                data = b""
                for one in packets:
                    if pid_of(one) == ECM_PID:
                        portion[0] = struct.unpack(">I", one[5 + 16 : 5 + 20])[0]
                    data += alter(one, portion[0])
            if data:
                send(line, data)

        machine.send = altered

    plan = call_plan(source, 1.0, None, portion_seconds=PORTION_S, **options)
    plan = type(plan)(**{**vars(plan), "actions": (*plan.actions, *actions)})
    return observe(plan, out, change=change).first


def pid_of(one):
    return (one[1] & 0x1F) << 8 | one[2]


def foreign(one):
    """The PMT with the CA system of somebody else."""
    section = one[5:]
    size = 3 + ((section[1] & 15) << 8 | section[2])
    body = section[: size - 4].replace(b"\xff\xfe", b"\x0b\x00")
    return one[:5] + body + struct.pack(">I", crc32_mpeg2(body)) + section[size:]


def events(terminal, name):
    return [event.text for event in terminal.station.events(name)]


def paid_nothing(terminal):
    (record,) = terminal.records
    return record.price == 0 and set(record.withdrawn) == set(record.delivered) != set()


def test_wrong_key_is_not_paid_for_and_the_viewer_is_told(source, tmp_path, monkeypatch):
    monkeypatch.setattr("headend.callcentre.core.control_word", lambda *of: bytes(range(16)))
    terminal = play(source, tmp_path)
    assert events(terminal, "dark") == ["cause=wrong_key the key does not open what is on air"]
    assert len(events(terminal, "not_clear")) == 1
    assert "cause=wrong_key" in events(terminal, "not_clear")[0]
    assert events(terminal, "closed") == ["what was paid for stayed dark"]
    assert paid_nothing(terminal)
    assert terminal.records[0].reason == "dark: the key does not open what is on air"
    (call,) = terminal.calls
    assert call.ended_ms - call.connected_ms < 1_000 * (3 * PORTION_S + 2)


def flipped(one):
    return one[:3] + bytes((one[3] ^ 0x40,)) + one[4:]


ALTERATIONS = {
    "not_ours": lambda one, portion: foreign(one) if portion >= 4 and pid_of(one) == PMT_PID else one,
    "no_ecm": lambda one, portion: b"" if portion >= 4 and pid_of(one) == ECM_PID else one,
    "no_stream": lambda one, portion: b"" if portion >= 4 else one,
    "wrong_parity": lambda one, portion: flipped(one) if portion >= 4 and one[3] & 0x80 else one,
}


@pytest.mark.parametrize(("cause", "alter"), ALTERATIONS.items(), ids=ALTERATIONS)
def test_picture_that_goes_dark_in_the_call_is_paid_up_to_there(cause, alter, source, tmp_path):
    terminal = play(source, tmp_path, alter)
    said = [text.split()[0] for text in events(terminal, "dark")]
    assert f"cause={cause}" in said
    assert len(said) == len(set(said))  # when it changes, and not with each packet
    assert len(events(terminal, "not_clear")) == 1
    assert terminal.records[0].reason.startswith("dark: ")
    (record,) = terminal.records
    paid = set(record.delivered) - set(record.withdrawn)
    clear = {p.index for p in terminal.analysis.portions if p.clear_packets and p.clear_equal_original}
    # Of 4 the first 0.4 s may open before it is known that its ECM does not come.
    assert clear and clear - {4} <= paid <= clear | {4}
    assert max(record.delivered) < 12  # the call is over long before the broadcast is


def test_one_forged_table_or_ecm_a_portion_ends_nothing_and_gives_nothing_back(source, tmp_path):
    seen = set()

    def forge(one, portion):
        if pid_of(one) == PMT_PID and portion and ("pmt", portion) not in seen:
            seen.add(("pmt", portion))
            return foreign(one)
        if pid_of(one) == ECM_PID and ("ecm", portion) not in seen:
            seen.add(("ecm", portion))
            body = one[5:21] + struct.pack(">II", portion + 6, 1000)
            return one + one[:5] + body + struct.pack(">I", crc32_mpeg2(body)) + one[33:]
        return one

    terminal = play(source, tmp_path, forge)
    assert len(seen) > 20
    assert events(terminal, "not_clear") == []
    assert events(terminal, "closed") in ([], ["the programme is over"])
    (record,) = terminal.records
    assert record.withdrawn == ()


def test_sound_call_says_nothing_of_darkness(source, tmp_path):
    status = ActionPlan(12.0, "T1", "command", "status")
    terminal = play(source, tmp_path, actions=(status, ActionPlan(13.0, "T1", "hang_up")))
    assert events(terminal, "dark") == events(terminal, "not_clear") == []
    (line,) = terminal.station.events("status")
    assert (line.value("cause"), line.value("wrong"), line.value("formats")) == ("none", "0", str(FORMATS))


def test_status_names_the_cause_before_any_call(source, tmp_path):
    asks = ActionPlan(0.9, "T1", "command", "status")
    for alter, cause in (
        (None, "no_key"),
        (lambda one, portion: b"" if pid_of(one) == PMT_PID else one, "no_pmt"),
        (lambda one, portion: b"" if pid_of(one) == 0 else one, "no_pat"),
        (lambda one, portion: foreign(one) if pid_of(one) == PMT_PID else one, "not_ours"),
        (lambda one, portion: b"" if pid_of(one) == ECM_PID else one, "no_ecm"),
    ):
        terminal = play(source, tmp_path, alter, (asks,))
        assert terminal.station.events("status")[0].value("cause") == cause
        if cause != "no_key":
            assert events(terminal, "dark")[0].split()[0] == f"cause={cause}"
            assert terminal.records == ()  # nothing was asked for, so nothing paid


# --- the price ----------------------------------------------------------------------------------------------------


def test_price_on_air_is_told_before_the_call_and_is_the_one_that_is_charged(source, tmp_path):
    terminal = play(source, tmp_path, None, (ActionPlan(9.0, "T1", "hang_up"),), tariff_portion_price=7)
    console = [event.name for event in terminal.station.console]
    assert events(terminal, "price") == ["portion=7 set_up=20 currency=EUR tariff=demo"]
    assert console.index("price") < console.index("dialling")
    (record,) = terminal.records
    paid = len(set(record.delivered) - set(record.withdrawn))
    assert (record.price, record.currency, record.tariff) == (20 + 7 * paid, "EUR", "demo")


def test_price_that_is_not_known_when_the_viewer_dials_is_told_before_the_request(source, tmp_path):
    seen = [0]

    def late(one, portion):
        seen[0] += pid_of(one) == PMT_PID
        return b"" if pid_of(one) == PMT_PID and seen[0] < 12 else one

    terminal = play(source, tmp_path, late)
    console = [event.name for event in terminal.station.console]
    assert console.index("dialling") < console.index("price") < console.index("key")


@pytest.mark.parametrize(("max_price", "charged"), [(6, False), (7, True)])
def test_scenario_says_the_highest_price_that_its_viewer_accepts(max_price, charged, source, tmp_path):
    plan = call_plan(source, 1.0, None, portion_seconds=PORTION_S, tariff_portion_price=7)
    plan = type(plan)(**{**vars(plan), "actions": (CallAction(1.0, "T1", "call", max_price=max_price),)})
    observed = observe(plan, tmp_path)
    terminal = observed.first
    assert bool(terminal.records) is charged
    if not charged:
        assert events(terminal, "closed") == ["denied: a portion costs more than the viewer accepts"]
        assert events(terminal, "key") == []
        (trunk,) = [trunk for trunk in observed.trunks if trunk.calls]
        calls = recorded_calls(observed.machines[0].to_modem, trunk.sent, terminal.identity.device_key)
        assert [message.kind for message in calls[0].messages][-1] == wire.DENY
