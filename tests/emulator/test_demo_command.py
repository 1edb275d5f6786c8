"""`ringcast demo` and `ringcast run`: files, JSON, exit status, and that a run can be repeated."""

import itertools
import json
import os
import resource
import signal
import subprocess
import sys

import pytest
from testbed.runtimes import RuntimeUnavailable
from testbed.terminals import find_runtime

from tests.helpers.commands import demo, ringcast
from tests.helpers.observed import cheap_broadcast
from tests.helpers.secrets import assert_shows_none, texts_in

PORTION_KEYS = {
    "index",
    "parity",
    "started_ms",
    "key_delivered_ms",
    "packets",
    "scrambled_packets",
    "clear_packets",
    "clear_equal_original",
    "received_offset",
    "received_packets",
    "damaged_packets",
}
CALL_KEYS = {
    "connected_ms",
    "ended_ms",
    "keys_delivered",
    "bytes_before_first_key",
    "round_trips_before_first_key",
    "alarms",
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return cheap_broadcast(tmp_path_factory.mktemp("source") / "in.ts", 9)


def short(source, *more):
    return ("--input", source, "--portion-seconds", 1, "--dial-at", 0.5, "--hang-up-at", 6.4, *more)


@pytest.fixture(scope="module")
def played(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    ended = demo(out, *short(source))
    return out, ended, json.loads((out / "seen.json").read_text())


def test_own_clip_clears_in_the_call_and_ends_with_status_0(tmp_path):
    ended = demo(tmp_path, "--clip-seconds", 8, "--portion-seconds", 1, "--dial-at", 0.5, "--hang-up-at", 5.5)
    assert ended.status == 0
    assert {"broadcast.ts", "received.ts", "report.html", "seen.json"} <= {path.name for path in tmp_path.iterdir()}
    assert ended.out.count("seen ") == 4
    assert "NOT SEEN" not in ended.out


def test_json_has_the_keys_that_were_promised(played):
    _, ended, seen = played
    assert ended.status == 0
    assert {"seed", "runtime", "call", "portions"} <= set(seen)
    assert (seen["seed"], seen["runtime"]) == (1, "cpython")
    assert set(seen["call"]) == CALL_KEYS
    assert all(set(portion) == PORTION_KEYS for portion in seen["portions"])
    assert [portion["index"] for portion in seen["portions"]] == list(range(9))
    assert seen["call"]["bytes_before_first_key"] <= 200
    assert seen["call"]["round_trips_before_first_key"] <= 2


def test_json_agrees_with_the_files(played):
    out, _, seen = played
    received = (out / "received.ts").read_bytes()
    portions = seen["portions"]
    assert sum(portion["packets"] for portion in portions) * 188 == (out / "broadcast.ts").stat().st_size
    assert portions[0]["received_offset"] == 0
    for portion, following in itertools.pairwise(portions):
        assert portion["received_offset"] + portion["received_packets"] == following["received_offset"]
    assert (portions[-1]["received_offset"] + portions[-1]["received_packets"]) * 188 == len(received)
    for portion in portions:
        first = portion["received_offset"]
        rows = [received[i * 188 : i * 188 + 188] for i in range(first, first + portion["received_packets"])]
        assert all(row[0] == 0x47 and row[3] & 0xC0 == 0 for row in rows)
        opened = [row for row in rows if (row[1] & 0x1F) << 8 | row[2] in (0x100, 0x101)]
        assert portion["clear_packets"] <= len(opened)
        assert bool(opened) == bool(portion["clear_packets"])
        assert portion["clear_equal_original"] is (True if portion["clear_packets"] else None)


def test_json_tells_nothing_of_this_machine(played, source):
    out, _, _ = played
    text = (out / "seen.json").read_text()
    assert str(out) not in text
    assert str(source.parent) not in text
    assert source.name not in text


def test_nothing_that_is_shown_holds_a_key(played):
    out, ended, _ = played
    assert_shows_none(1, ended.out, ended.err, *texts_in(out))


def test_same_seed_gives_the_same_bytes(played, source, tmp_path):
    out, _, _ = played
    demo(tmp_path, *short(source))
    for name in ("seen.json", "broadcast.ts", "received.ts", "report.html"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


def test_another_seed_gives_another_broadcast_id_and_other_keys(played, source, tmp_path):
    out, _, _ = played
    ended = demo(tmp_path, *short(source, "--seed", 2))
    assert ended.status == 0
    first, second = ((folder / "broadcast.ts").read_bytes() for folder in (out, tmp_path))
    assert len(first) == len(second)
    same = total = 0
    for at in range(0, len(first), 188):
        if first[at + 3] & 0xC0 and not first[at + 3] & 0x20:
            total += 1
            same += first[at + 4 : at + 180] == second[at + 4 : at + 180]
    assert total > 100
    assert same == 0


@pytest.mark.pico
@pytest.mark.long
def test_same_seed_gives_the_same_bytes_on_the_emulated_pico(tmp_path):
    try:
        find_runtime("pico")
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    source = cheap_broadcast(tmp_path / "in.ts", 6)
    texts = []
    for name in ("one", "two"):
        out = tmp_path / name
        arguments = ("--input", source, "--portion-seconds", 1, "--dial-at", 0.2, "--hang-up-at", 5.2)
        ended = ringcast("demo", "--runtime", "pico", "--out", out, "--json", out / "seen.json", *arguments)
        assert ended.status == 0, ended.out
        texts.append((out / "seen.json").read_bytes())
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["runtime"] == "pico"


def test_call_that_never_comes_about_ends_with_status_1(source, tmp_path):
    ended = demo(tmp_path, "--input", source, "--portion-seconds", 1, "--dial-at", 8.5, "--hang-up-at", 8.8)
    assert ended.status == 1
    assert "NOT SEEN" in ended.out


@pytest.mark.parametrize(
    ("times", "complaint"),
    [
        (
            ("--hang-up-at", 2.5),
            "the viewer hangs up at 2.5 s, before dialling at 3 s: use --dial-at, --hang-up-at or a longer clip",
        ),
        (("--dial-at", 1, "--hang-up-at", 1), "hangs up at 1 s, before dialling at 1 s"),
        (("--dial-at", 5, "--hang-up-at", 6), "the viewer dials at 5 s, and the broadcast is over at 4.0 s"),
    ],
)
def test_call_that_does_not_fit_into_the_clip_is_refused(times, complaint, tmp_path):
    source = cheap_broadcast(tmp_path / "in.ts", 4)
    ended = demo(tmp_path / "out", "--input", source, "--portion-seconds", 1, *times)
    assert ended.status == 1
    assert complaint in ended.complaint


@pytest.mark.parametrize("name", ["received.ts", "broadcast.ts", "report.html", "a link to received.ts"])
def test_input_that_the_run_would_write_over_is_refused(name, source, tmp_path):
    path = tmp_path / name.removeprefix("a link to ")
    path.write_bytes(source.read_bytes())
    given = path
    if name != path.name:
        given = tmp_path / "link.ts"
        given.symlink_to(path)
    ended = demo(tmp_path, *short(given))
    assert ended.status == 1
    assert path.name in ended.complaint
    assert ended.complaint.endswith("choose another place with --out")
    assert path.read_bytes() == source.read_bytes()


def test_json_that_would_replace_the_input_is_refused(source, tmp_path):
    path = tmp_path / "in.ts"
    path.write_bytes(source.read_bytes())
    ended = ringcast("demo", "--runtime", "cpython", "--out", tmp_path / "out", "--json", path, *short(path))
    assert ended.status == 1
    assert "--json" in ended.complaint
    assert path.read_bytes() == source.read_bytes()


def test_clip_of_an_earlier_demo_can_be_the_input(source, tmp_path):
    path = tmp_path / "clip.ts"
    path.write_bytes(source.read_bytes())
    assert demo(tmp_path, *short(path)).status == 0
    assert path.read_bytes() == source.read_bytes()


def test_input_of_a_recorder_is_played_like_the_plain_one(played, source, tmp_path):
    data = source.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    path = tmp_path / "film.m2ts"
    path.write_bytes(b"half a packet" + b"".join(b"\0\0\0\0" + packet for packet in packets) + b"half")
    ended = demo(tmp_path / "out", *short(path))
    assert ended.status == 0
    said = f"{path}: 192-byte packets: 4 bytes of a time stamp each dropped; first 13 bytes skipped"
    assert said in ended.err.replace("\n", "")
    assert (tmp_path / "out" / "broadcast.ts").read_bytes() == (played[0] / "broadcast.ts").read_bytes()


def test_input_that_can_be_read_only_once_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("-", tmp_path / "pipe"):
        ended = demo(tmp_path / "out", *short(name))
        assert (ended.status, "can be read only once" in ended.complaint) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_demo_that_is_ended_leaves_the_results_of_an_earlier_one(number, tmp_path):
    for name in ("broadcast.ts", "received.ts", "report.html"):
        (tmp_path / name).write_text("older")
    command = [sys.executable, "-m", "testbed.cli", "demo", "--runtime", "cpython", "--clip-seconds", "60"]
    process = subprocess.Popen([*command, "--out", tmp_path], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("on air"):
            process.send_signal(number)
            break
    said = process.stderr.read()
    assert process.wait(20) == 128 + number
    assert said.splitlines()[-1] == "ringcast: interrupted: the run was given up and there is no report of it"
    assert "Traceback" not in said
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("broadcast.ts", "received.ts", "report.html"), "older"
    )


def test_demo_on_a_full_disk_is_one_line_and_leaves_nothing(source, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "testbed.cli",
        "demo",
        "--runtime",
        "cpython",
        "--out",
        out,
        *map(str, short(source)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert done.returncode == 1
    assert "File too large" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(("runtime", "at"), [("cpython", "on air"), ("unix", "on air"), ("cpython", "making the clip")])
def test_interrupted_demo_says_so_and_leaves_nothing_behind(runtime, at, tmp_path):
    try:
        find_runtime(runtime)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    folder, out = tmp_path / "tmp", tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-m", "testbed.cli", "demo", "--runtime", runtime, "--clip-seconds", "60", "--out", out]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        # A job in the background may have inherited an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith(at) and not any(earlier.startswith(at) for earlier in said[:-1]):
            process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert said[-1] == "ringcast: interrupted: the run was given up and there is no report of it\n"
    assert "Traceback" not in "".join(said)
    assert list(folder.iterdir()) == []
    if at == "making the clip":
        assert list(out.iterdir()) == []


SCENARIO = """
runtime = "cpython"
[broadcast]
input = "in.ts"
portion_seconds = 1.0
[[event]]
at_s = 0.5
action = "call"
[[event]]
at_s = 6.4
action = "hang_up"
[[expect]]
clear = ["4-6"]
dark = [{dark}]
charged = {charged}
said = ["{said}"]
"""


@pytest.mark.parametrize(
    ("change", "status"),
    [({}, 0), ({"dark": "6"}, 1), ({"charged": 0}, 1), ({"said": "busy"}, 1)],
    ids=["as expected", "not dark", "not charged", "not said"],
)
def test_exit_status_of_run_says_whether_it_was_seen(source, tmp_path, change, status):
    (tmp_path / "in.ts").write_bytes(source.read_bytes())
    wanted = {"dark": "0, 7, 8", "charged": 4, "said": "closed goodbye", **change}
    path = tmp_path / "case.toml"
    path.write_text(SCENARIO.format(**wanted))
    ended = ringcast("run", path, "--out", tmp_path / "out", "--json", tmp_path / "seen.json")
    assert ended.status == status, ended.out
    assert ("NOT SEEN" in ended.out) == bool(status)
    checks = json.loads((tmp_path / "seen.json").read_text())["checks"]
    assert len(checks) == 6
    assert sum(not check["passed"] for check in checks) == status


def test_terminal_without_a_call_is_shown_too(source, tmp_path):
    (tmp_path / "in.ts").write_bytes(source.read_bytes())
    path = tmp_path / "quiet.toml"
    path.write_text('runtime = "cpython"\n[broadcast]\ninput = "in.ts"\n[[expect]]\ndark = ["0-4"]\nkeys = []\n')
    ended = ringcast("run", path, "--out", tmp_path / "out")
    assert ended.status == 0, ended.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("run", "none.toml"), "cannot read the scenario none.toml"),
        (("demo", "--runtime", "amiga"), "no runtime 'amiga'; there are pico, unix, cpython"),
        (("demo", "--runtime", "cpython", "--portion-seconds", "0"), "portion_seconds is 0; 0.8 to 3600"),
        (("demo", "--runtime", "cpython", "--clip-seconds", "0"), "clip_seconds is 0; 1 to 3600"),
        (("demo", "--runtime", "cpython", "--dial-at", "-1"), "times count from the broadcast's start"),
        (("demo", "--runtime", "pico", "--uf2", "none.uf2"), "there is no UF2 file none.uf2"),
    ],
)
def test_wrong_arguments_end_in_one_line(arguments, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = ringcast(*arguments)
    assert ended.status == 1
    assert complaint in ended.complaint
    assert ended.complaint.startswith("ringcast: ")
