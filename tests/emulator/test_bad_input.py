"""Bad input at the doors: files that cannot be broadcast, terminals that cannot call, lines that lie.

Each gets one clear line or is refused and counted; nothing crashes, and no message shows a key.
"""

import json
import random

import pytest
from headend.ts.signal.psi import Stream
from settop.errors import LocalError
from settop.link.hdlc import Deframer, encode
from settop.wire import call as wire
from testbed.machines.cpython import CONSOLE_LINE_BYTES
from testbed.scenario import provisioning, runner
from testbed.scenario.plan import ActionPlan
from testbed.systems.call.plan import CallPlan

from tests.helpers.commands import demo, ringcast
from tests.helpers.observed import call_plan, cheap_broadcast, dark_portions, observe, whole_portions
from tests.helpers.secrets import assert_shows_none, texts_in
from tests.helpers.ts_builder import AUDIO_PID, VIDEO_PID, TsBuilder, plain_stream

SECRET = "00112233445566778899aabbccddeeff"
TICKS_PER_MS = 27_000


# --- files --------------------------------------------------------------------------------------------------------


def no_ts(path):
    path.write_bytes(random.Random(1).randbytes(40_000))


def empty(path):
    path.write_bytes(b"")


def text_file(path):
    path.write_text("G" * 10 + "It was a dark and stormy night.\n" * 100)


def no_pcr(path):
    builder = TsBuilder()
    builder.pat()
    builder.pmt()
    for _ in range(500):
        builder.es(VIDEO_PID)
    builder.write(path)


def neither_picture_nor_sound(path):
    builder = TsBuilder()
    for ms in range(0, 3000, 100):
        builder.pat()
        builder.pmt(streams=(Stream(0x06, VIDEO_PID),))
        builder.es(VIDEO_PID, pcr=ms * TICKS_PER_MS)
    builder.write(path)


def no_programme(path):
    builder = TsBuilder()
    for ms in range(0, 3000, 20):
        builder.es(VIDEO_PID, pcr=ms * TICKS_PER_MS)
    builder.write(path)


def already_scrambled(path):
    builder = plain_stream(3000)
    builder.es(VIDEO_PID, tsc=2)
    builder.write(path)


BAD_FILES = [
    (no_ts, ("188", "transport stream", "MPEG-TS")),
    (empty, ("188", "transport stream", "MPEG-TS", "empty")),
    (text_file, ("188", "transport stream", "MPEG-TS")),
    (no_pcr, ("no PCR",)),
    (neither_picture_nor_sound, ("neither a video nor an audio stream",)),
    (no_programme, ("no programme found",)),
    (already_scrambled, ("already scrambled",)),
]


@pytest.mark.parametrize("command", ["demo", "scramble"])
@pytest.mark.parametrize(("make", "says"), BAD_FILES, ids=lambda value: getattr(value, "__name__", ""))
def test_file_that_cannot_be_broadcast_ends_in_one_line(make, says, command, tmp_path):
    path = tmp_path / "in.ts"
    make(path)
    ended = call_with(command, path, tmp_path)
    assert ended.status == 1
    assert ended.complaint.startswith("ringcast")
    assert any(word in ended.complaint for word in says), ended.complaint
    assert "Traceback" not in ended.err
    assert SECRET not in ended.out + ended.err
    assert_shows_none(1, ended.out, ended.err)
    assert not (tmp_path / "out.ts").exists()
    assert not (tmp_path / "keys.json").exists()


def call_with(command, path, tmp_path):
    if command == "demo":
        return demo(tmp_path / "out", "--input", path, "--dial-at", 0.5)
    return ringcast(
        "scramble", path, tmp_path / "out.ts", "--portion-seconds", 1, "--programme-secret", SECRET,
        "--keys-out", tmp_path / "keys.json",
    )  # fmt: skip


@pytest.mark.parametrize("command", ["demo", "scramble"])
def test_missing_file_and_folder_end_in_one_line(command, tmp_path):
    for path in (tmp_path / "none.ts", tmp_path):
        ended = call_with(command, path, tmp_path)
        assert ended.status == 1
        assert ended.complaint.startswith("ringcast")
        assert "Traceback" not in ended.err


def test_input_faster_than_the_tuner_line_is_refused_with_both_rates(tmp_path):
    path = plain_stream(3000, pcr_ms=3).write(tmp_path / "in.ts")  # 5 Mbit/s
    ended = demo(tmp_path / "out", "--input", path, "--portion-seconds", 1, "--dial-at", 0.5)
    assert ended.status == 1
    assert "Mbit/s" in ended.complaint
    assert "baud" in ended.complaint


def test_programme_that_is_not_in_the_input_is_refused_with_those_that_are(tmp_path):
    path = plain_stream(1500).write(tmp_path / "in.ts")
    ended = demo(tmp_path / "out", "--input", path, "--programme", 9)
    assert ended.status == 1
    assert "no programme 9 in the input; it has 1" in ended.complaint


def test_radio_is_a_programme(tmp_path):
    builder = TsBuilder()
    for ms in range(0, 7000, 100):
        builder.pat()
        builder.pmt(streams=(Stream(0x0F, AUDIO_PID),), pcr_pid=AUDIO_PID)
        builder.es(AUDIO_PID, pcr=ms * TICKS_PER_MS)
        for _ in range(3):
            builder.es(AUDIO_PID)
    path = builder.write(tmp_path / "in.ts")
    ended = demo(tmp_path / "out", "--input", path, "--portion-seconds", 1, "--dial-at", 0.2, "--hang-up-at", 5.5)
    assert ended.status == 0, ended.out


@pytest.mark.parametrize("secret", ["xyz", "0011", "00112233445566778899aabbccddeef"])
def test_useless_programme_secret_is_refused_without_repeating_it(secret, tmp_path):
    path = plain_stream(1500).write(tmp_path / "in.ts")
    ended = ringcast(
        "scramble", path, tmp_path / "out.ts", "--portion-seconds", 1, "--programme-secret", secret,
        "--keys-out", tmp_path / "keys.json",
    )  # fmt: skip
    assert ended.status in (1, 2)
    assert secret not in ended.out + ended.err
    assert not (tmp_path / "out.ts").exists()


# --- terminals ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return cheap_broadcast(tmp_path_factory.mktemp("source") / "in.ts", 9)


def said(observed):
    """Everything on the consoles, as text."""
    lines = []
    for terminal in observed.run.terminals:
        lines += [f"{event.name} {event.text}" for event in terminal.station.console] + terminal.station.chatter
    return lines


def assert_dark_and_free(observed):
    assert not whole_portions(observed.first)
    assert dark_portions(observed.first) == [span.index for span in observed.run.portions]
    assert all(record.price == 0 for record in observed.first.records)
    assert observed.first.station.chatter == []
    assert_shows_none(observed.run.plan.seed, "\n".join(said(observed)))


@pytest.mark.parametrize(
    "number", ["5559999", "1", "000000000000000000000000", "hello", "5550199;", "+++", "\u0665\u0665"]
)
def test_number_that_nobody_has_fails_with_a_reason(number, source, tmp_path):
    plan = CallPlan(
        runtime="cpython", input=source, portion_seconds=1.0, actions=(ActionPlan(0.5, "T1", "call", number),)
    )
    observed = observe(plan, tmp_path)
    assert_dark_and_free(observed)
    assert any(line.startswith(("call_failed reason=", "error ")) for line in said(observed)), said(observed)


def test_terminal_that_is_not_provisioned_says_so_and_does_not_dial(source, tmp_path, monkeypatch):
    monkeypatch.setattr(provisioning, "bring", lambda *_: "provision-set 00")

    def accept(bench, event, complaint):
        if event != "provisioned":
            wait(bench, event, complaint)

    wait = runner.Bench.wait
    monkeypatch.setattr(runner.Bench, "wait", accept)
    observed = observe(call_plan(source, 0.5, None, portion_seconds=1.0), tmp_path)
    assert_dark_and_free(observed)
    errors = [line for line in said(observed) if line.startswith("error ")]
    assert any("not provisioned" in line and "ringcast provision" in line for line in errors), errors
    assert not any(b"ATD" in data for _, data in observed.machines[0].to_modem)


def test_a_board_that_has_an_identity_is_given_the_scenarios_one_with_consent(source, tmp_path):
    """As a real board has from the demonstration before."""

    def change(machine):
        boot = machine.boot

        def booting():
            if not machine.inner.boots:
                machine.inner.files.update(before.files)
                machine.inner.vault[:] = before.vault
            boot()

        machine.boot = booting
        return machine

    before = observe(call_plan(source, 0.5, None, portion_seconds=1.0), tmp_path / "before").machines[0].inner
    observed = observe(call_plan(source, 0.5, None, portion_seconds=1.0), tmp_path, change=change)
    lines = said(observed)
    assert any(line.startswith("provision-consent provision-replace ") for line in lines), lines
    assert len(whole_portions(observed.first)) >= 3


def test_wrong_device_key_ends_the_call_without_a_key(source, tmp_path, monkeypatch):
    import dataclasses

    right = provisioning.bring

    def wrong(exchange, terminal):
        return right(exchange, dataclasses.replace(terminal, device_key=bytes(32)))

    monkeypatch.setattr(provisioning, "bring", wrong)
    observed = observe(call_plan(source, 0.5, None, portion_seconds=1.0), tmp_path)
    assert_dark_and_free(observed)
    assert "closed the centre could not prove that it knows this terminal" in said(observed)
    assert observed.first.records == ()
    assert not any(trunk.calls[0].traffic.key_sent for trunk in observed.trunks if trunk.calls)


def damage_keystore_at_second_boot(spoil):
    """For `observe`: what lies in the terminal's flash is spoilt while its power is off."""

    def change(machine):
        boot, files = machine.boot, machine.inner.files

        def booting():
            if machine.inner.boots:
                for path in list(files):
                    spoil(files, path)
            boot()

        machine.boot = booting

    return change


def reboot_and_call(source):
    actions = (
        ActionPlan(0.5, "T1", "power_cut"),
        ActionPlan(0.8, "T1", "power_on"),
        ActionPlan(1.5, "T1", "call"),
    )
    return CallPlan(runtime="cpython", input=source, portion_seconds=1.0, actions=actions)


def flip(files, path):
    data = bytearray(files[path])
    data[len(data) // 2] ^= 1
    files[path] = bytes(data)


def cut_short(files, path):
    files[path] = files[path][:10]


def fill_with_noise(files, path):
    files[path] = random.Random(path).randbytes(5000)


@pytest.mark.parametrize("spoil", [flip, cut_short, fill_with_noise])
def test_damaged_keystore_is_reported_and_the_terminal_stays_usable(spoil, source, tmp_path):
    observed = observe(reboot_and_call(source), tmp_path, change=damage_keystore_at_second_boot(spoil))
    lines = said(observed)
    assert_dark_and_free(observed)
    assert any(line.startswith("error record ") and "provision again" in line for line in lines), lines
    assert any(line.startswith("ready ") and line.endswith("terminal=unprovisioned") for line in lines)
    assert any(line.startswith("error ") and "not provisioned" in line for line in lines)


def test_one_damaged_slot_of_each_record_costs_nothing(source, tmp_path):
    def spoil(files, path):
        if sorted(files).index(path) % 2 == 0:
            flip(files, path)

    observed = observe(reboot_and_call(source), tmp_path, change=damage_keystore_at_second_boot(spoil))
    assert len(whole_portions(observed.first)) >= 3


# --- lines --------------------------------------------------------------------------------------------------------


def tamper_with_keys(forge):
    """For `observe`: each KEY frame that comes from the modem is replaced by what `forge(number, payload)` gives."""

    def change(machine):
        send, deframer, keys = machine.send, Deframer(), [0]

        def sending(line, data):
            if line != "modem":
                send(line, data)
                return
            for at in range(len(data)):
                octet = data[at : at + 1]
                for payload in deframer.feed(octet):
                    if payload[0] == wire.KEY:
                        octet = octet + forge(keys[0], payload)
                        keys[0] += 1
                send(line, octet)

        machine.send = sending

    return change


def test_replayed_key_frames_are_refused_and_counted(source, tmp_path):
    observed = observe(
        call_plan(source, 0.5, None, portion_seconds=1.0),
        tmp_path,
        change=tamper_with_keys(lambda number, payload: encode(payload)),
    )
    refused = [line for line in said(observed) if line == "refused replayed KEY"]
    keys = observed.first.station.events("key")
    assert len(refused) >= len(keys) >= 5
    assert len(whole_portions(observed.first)) >= 5
    assert observed.first.analysis.damaged_packets == 0


def test_forged_key_frames_are_refused_and_counted(source, tmp_path):
    noise = random.Random(3)

    def forge(number, payload):
        altered = bytearray(payload)
        altered[noise.randrange(5, len(altered))] ^= 1 << noise.randrange(8)
        foreign = payload[:1] + noise.randbytes(len(payload) - 1)
        return encode(bytes(altered)) + encode(foreign) + encode(payload[:-1]) + encode(b"\x77" + payload)

    observed = observe(call_plan(source, 0.5, None, portion_seconds=1.0), tmp_path, change=tamper_with_keys(forge))
    lines = said(observed)
    assert len([line for line in lines if line.startswith("refused authentication failed")]) >= 5
    assert any(line.startswith("refused KEY of ") for line in lines)
    assert any(line.startswith("refused unknown") or line.startswith("refused unexpected") for line in lines)
    assert len(whole_portions(observed.first)) >= 5
    assert observed.first.analysis.damaged_packets == 0
    assert_shows_none(1, "\n".join(lines))


def test_status_counts_what_was_refused(source, tmp_path):
    plan = call_plan(source, 0.5, None, portion_seconds=1.0)
    actions = (*plan.actions, ActionPlan(8.5, "T1", "command", "status"))
    plan = CallPlan(runtime="cpython", input=source, portion_seconds=1.0, actions=actions)
    observed = observe(plan, tmp_path, change=tamper_with_keys(lambda number, payload: encode(payload)))
    status = observed.first.station.events("status")[0]
    assert int(status.value("refused")) >= 5


@pytest.mark.parametrize(
    "line",
    [
        "",
        "dance",
        "call 1 2 3",
        "secrecy maybe",
        "provision-set",
        "provision-set zz yy",
        "provision-set 00 00",
        "provision-set " + "00" * 32 + " " + "00" * 8,
        "hangup",
        "x" * 3000,
        "\u2603 \u0000",
    ],
)
def test_console_lines_that_make_no_sense_are_answered_in_one_line(line, source, tmp_path):
    if not line or "\u0000" in line:
        with pytest.raises(LocalError):
            ActionPlan(0.2, "T1", "command", line)
        return
    actions = (ActionPlan(0.2, "T1", "command", line), ActionPlan(0.5, "T1", "call"))
    observed = observe(CallPlan(runtime="cpython", input=source, portion_seconds=1.0, actions=actions), tmp_path)
    errors = observed.first.station.events("error")
    assert len(errors) == (len(line) <= CONSOLE_LINE_BYTES)  # a longer one is dropped by the board
    assert all(len(error.text) < 200 for error in errors)
    # It does no harm: the call afterwards works.
    assert len(whole_portions(observed.first)) >= 3


# --- what a run shows ---------------------------------------------------------------------------------------------


def test_no_key_in_anything_that_a_run_says_or_writes(source, tmp_path):
    ended = demo(tmp_path, "--input", source, "--portion-seconds", 1, "--dial-at", 0.5, "--hang-up-at", 6.4)
    assert ended.status == 0
    assert json.loads((tmp_path / "seen.json").read_text())["call"]["keys_delivered"]
    assert len(texts_in(tmp_path)) == 2
    assert_shows_none(1, ended.out, ended.err, *texts_in(tmp_path))


def test_no_key_in_the_repr_of_a_run(source, tmp_path):
    observed = observe(call_plan(source, 0.5, 6.4, portion_seconds=1.0), tmp_path)
    assert_shows_none(1, repr(observed.run), *(repr(trunk.calls) for trunk in observed.trunks), *said(observed))


def test_search_for_keys_is_not_blind():
    from tests.helpers.secrets import secrets_of

    for secret in list(secrets_of(1))[:5]:
        with pytest.raises(AssertionError):
            assert_shows_none(1, f"key {secret.hex()} leaked")
        with pytest.raises(AssertionError):
            assert_shows_none(1, b"key " + secret)
