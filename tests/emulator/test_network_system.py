"""The network as a system: scenarios are read and refused, played, judged and reported."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import typer
from settop.errors import LocalError
from testbed.commands.play import run
from testbed.internet import pages as served_pages
from testbed.machines.cpython import CpythonMachine
from testbed.scenario.model import Phase
from testbed.scenario.outcome import check_expectations, report_model, run_json
from testbed.scenario.plan import load_plan
from testbed.scenario.report import write_report
from testbed.scenario.runner import run_plan
from testbed.station import ConsoleEvent, Station
from testbed.systems.network import told
from testbed.systems.network.judging import upload_octets
from testbed.systems.network.phases import phases
from testbed.systems.network.plan import NetworkAction, NetworkPlan, WayPlan
from testbed.systems.network.setup import NetworkRun, NetworkTerminal
from testbed.systems.network.system import SYSTEM
from testbed.systems.registry import find_system
from testbed.terminals import find_runtime

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "scenarios").glob("network-*.toml"))
SHORT = """
system = "network"
runtime = "cpython"
seconds = 3
[[page]]
path = "/leaf"
octets = 4000
[[event]]
at_s = 0.2
action = "go_online"
[[event]]
at_s = 1
action = "fetch"
argument = "/leaf"
"""


def load(folder, text):
    path = folder / "case.toml"
    path.write_text(text, encoding="utf-8")
    return load_plan(path, find_system)


def play(plan, folder):
    return run_plan(plan, find_runtime("cpython"), folder)


# --- What a scenario may say ------------------------------------------------------------------------------------------


def test_every_key_is_read(tmp_path):
    (tmp_path / "film.ts").write_bytes(b"film")
    plan = load(
        tmp_path,
        """
        system = "network"
        runtime = "cpython"
        seed = 5
        seconds = 12.5
        terminals = ["home", "cabin"]
        [access]
        cabin = "dial-up"
        [network]
        rate_kbit_s = 4000
        delay_ms = 1
        jitter_ms = 2
        loss = 0.1
        damage = 0.2
        double = 0.3
        reorder = 0.4
        [broadband]
        rate_kbit_s = 700
        up_kbit_s = 70
        [telephone]
        bits_per_s = 9600
        delay_ms = 5
        setup_ms = 100
        lines = 1
        [[page]]
        path = "/film"
        file = "film.ts"
        [[page]]
        path = "/leaf"
        octets = 10
        [[event]]
        at_s = 1
        terminal = "home"
        action = "drop_link"
        seconds = 2
        [[event]]
        at_s = 2
        terminal = "home"
        action = "upload"
        argument = "/up"
        octets = 300
        [[event]]
        at_s = 3
        terminal = "cabin"
        action = "go_online"
        argument = "5550777"
        [[expect]]
        terminal = "cabin"
        fetched = ["/film"]
        failed = 1
        uploaded = 0
        within_s = 9
        state = "online"
        lost = 2
        calls = 3
        """,
    )
    assert plan.access == ("broadband", "dial-up") and (plan.seed, plan.seconds) == (5, 12.5)
    assert plan.server == WayPlan("network", 4000, 0, 1, 2, 0.1, 0.2, 0.3, 0.4)
    assert (plan.broadband.down.rate_bits_s, plan.broadband.up.rate_bits_s) == (700_000, 70_000)
    assert plan.server.up.rate_bits_s == 4_000_000
    assert dataclasses.astuple(plan.telephone) == (9600, 5, 100, 1)
    assert [(page.path, page.octets) for page in plan.pages] == [("/film", 0), ("/leaf", 10)]
    assert (plan.actions[0].seconds, plan.actions[1].octets) == (2.0, 300)
    expect = plan.expects[0]
    assert (expect.fetched, expect.failed, expect.uploaded, expect.within_s) == (("/film",), 1, 0, 9.0)
    assert (expect.state, expect.lost, expect.calls) == ("online", 2, 3)
    assert [SYSTEM.wires(plan, name) for name in plan.terminals] == [("network", "tuner"), ("modem", "tuner")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seconds = 0", "seconds is 0"),
        ('runtime = "unix"', "the unix port has this computer's own network"),
        ('[access]\nT1 = "carrier pigeon"', "access 'carrier pigeon' is unknown"),
        ('[access]\nT2 = "dial-up"', "access.T2 is unknown"),
        ("[network]\nloss = 0.9", "network.loss is 0.9"),
        ("[broadband]\nrate_kbit_s = 0", "broadband.rate_kbit_s is 0"),
        ("[network]\nwhere = 1", "network.where is unknown"),
        ("[telephone]\nlines = 0", "telephone.lines is 0"),
        ("[telephone]\nbits_per_s = 300", "telephone.bits_per_s is 300"),
        ('[[page]]\npath = "leaf"\noctets = 1', "a path begins with /"),
        ('[[page]]\npath = "/a b"\noctets = 1', "without blanks"),
        ('[[page]]\npath = "/a"', "give either octets"),
        ('[[page]]\npath = "/a"\noctets = 1\nfile = "b"', "give either octets"),
        ('[[page]]\npath = "/a"\noctets = 99999999', "octets is"),
        ('[[page]]\npath = "/a"\noctets = 1\n[[page]]\npath = "/a"\noctets = 2', "two pages"),
        ('[[event]]\nat_s = 1\naction = "fetch"', "fetch without argument"),
        ('[[event]]\nat_s = 1\naction = "upload"\nargument = "/a"', "octets belong to upload"),
        ('[[event]]\nat_s = 1\naction = "fetch"\nargument = "/a"\noctets = 3', "octets belong to upload"),
        ('[[event]]\nat_s = 1\naction = "fetch"\nargument = "/a"\nseconds = 3', "only drop_link has them"),
        ('[[event]]\nat_s = 1\naction = "drop_link"\nseconds = 0', "seconds is 0"),
        ('[[event]]\nat_s = 1\naction = "drop_line"', "has broadband"),
        ('[access]\nT1 = "dial-up"\n[[event]]\nat_s = 1\naction = "drop_link"', "is on the telephone"),
        ('[[event]]\nat_s = 1\naction = "go_online"\nargument = "555"', "dials none"),
        ('[[event]]\nat_s = 1\naction = "call"', "action 'call' is unknown"),
        ('[[expect]]\nstate = "asleep"', "expected online or offline"),
    ],
)
def test_what_cannot_be_is_refused_with_what_was_expected(tmp_path, text, complaint):
    with pytest.raises(LocalError, match=complaint.replace("(", r"\(")) as error:
        load(tmp_path, f'system = "network"\n{text}')
    assert "\n" not in str(error.value)


def test_a_page_whose_file_is_not_there_is_told(tmp_path):
    plan = load(tmp_path, SHORT + '[[page]]\npath = "/gone"\nfile = "gone.bin"')
    with pytest.raises(LocalError, match=r"page /gone: cannot read gone.bin"):
        play(plan, tmp_path / "out")


# --- What is played ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_show_what_they_expect(tmp_path, path):
    run([path], json_file=tmp_path / "seen.json", out=tmp_path / "out", runtime="cpython")
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert len(seen["checks"]) >= 4 and all(check["passed"] for check in seen["checks"])
    page = (tmp_path / "out/report.html").read_text()
    for word in (
        "Transfers of",
        "Link of",
        "lost",
        "segments sent again",
        "to it",
        'class="area0"',
        "equal to the server",
    ):
        assert word in page, word
    for terminal in seen["terminals"]:
        calls = terminal["calls"]
        assert bool(calls) == (terminal["access"] == "dial-up") and (not calls or "Calls of" in page)
        for transfer in terminal["transfers"]:
            assert transfer["equal_to_server"] and transfer["bits_per_s"] > 10_000
        assert {"way", "lost", "cut"} < terminal["link"][0].keys()
    for path, known in seen["pages"].items():
        fetched = [t for one in seen["terminals"] for t in one["transfers"] if t["url"].endswith(path)]
        assert all((t["octets"], t["sha256"]) == (known["octets"], known["sha256"]) for t in fetched)


def test_the_same_seed_gives_the_same_json_and_report_and_another_one_other_octets(tmp_path):
    seen = []
    for number, seed in enumerate((1, 1, 2)):
        plan = dataclasses.replace(load(tmp_path, SHORT), seed=seed)
        result = play(plan, tmp_path / str(number))
        write_report(tmp_path / "report.html", report_model(result))
        seen.append((run_json(result, check_expectations(result)), (tmp_path / "report.html").read_bytes()))
    assert seen[0] == seen[1]
    pages = [json.loads(text)["pages"]["/leaf"]["sha256"] for text, _ in seen]
    assert pages[0] != pages[2]


def test_a_server_that_gives_other_octets_is_found_out_whatever_is_expected(tmp_path, monkeypatch):
    get = served_pages.Pages.get
    put = served_pages.Pages.put
    monkeypatch.setattr(served_pages.Pages, "put", lambda pages, path, octets: put(pages, path, octets[:-1] + b"?"))
    (tmp_path / "a.toml").write_text(SHORT)
    with pytest.raises(typer.Exit) as ended:
        run([tmp_path / "a.toml"], json_file=tmp_path / "seen.json", out=tmp_path / "out")
    assert ended.value.exit_code == 1 and get is served_pages.Pages.get
    (check,) = json.loads((tmp_path / "seen.json").read_text())["checks"]
    assert not check["passed"] and "http://pages.example/leaf" in check["seen"]
    assert "NOT the server" in (tmp_path / "out/report.html").read_text()


def failed_checks(tmp_path, expect, events=""):
    result = play(load(tmp_path, f"{SHORT}{events}\n[[expect]]\n{expect}"), tmp_path / "out")
    return [check.what for check in check_expectations(result) if not check.passed]


@pytest.mark.parametrize(
    ("expect", "word"),
    [
        ('fetched = ["/leaf", "/leaf"]', "fetched"),
        ('fetched = ["/other"]', "fetched"),
        ("failed = 1", "1 transfers failed"),
        ("uploaded = 1", "1 uploads"),
        ("within_s = 0.01", "no page took more"),
        ('state = "offline"', "offline in the end"),
        ("lost = 1", "lost the network"),
        ("calls = 1", "1 calls stood"),
        ('said = ["network_failed"]', "network_failed"),
    ],
)
def test_what_was_expected_and_not_seen_is_a_check_that_fails(tmp_path, expect, word):
    (what,) = failed_checks(tmp_path, expect)
    assert word in what


def test_a_page_that_is_not_there_and_a_second_transfer_at_a_time_have_failed(tmp_path):
    events = """
    [[event]]
    at_s = 1.001
    action = "fetch"
    argument = "/leaf"
    [[event]]
    at_s = 2
    action = "fetch"
    argument = "/nothing"
    """
    result = play(load(tmp_path, f"{SHORT}{events}\n[[expect]]\nfailed = 2"), tmp_path / "out")
    (terminal,) = result.terminals
    assert [transfer.result for transfer in terminal.transfers] == [told.DONE, told.REFUSED, told.FAILED]
    assert terminal.transfers[2].text == "the server says 404"
    assert all(check.passed for check in check_expectations(result))


def test_a_provider_that_is_busy_and_a_number_that_nobody_has_are_in_report_and_json(tmp_path):
    plan = load(
        tmp_path,
        """
        system = "network"
        runtime = "cpython"
        terminals = ["A", "B"]
        seconds = 9
        [access]
        A = "dial-up"
        B = "dial-up"
        [telephone]
        lines = 1
        [[event]]
        at_s = 0.1
        terminal = "A"
        action = "go_online"
        [[event]]
        at_s = 3
        terminal = "B"
        action = "go_online"
        [[expect]]
        terminal = "A"
        calls = 1
        [[expect]]
        terminal = "B"
        calls = 0
        state = "offline"
        said = ["call_failed reason=busy"]
        """,
    )
    result = play(plan, tmp_path / "out")
    checks = check_expectations(result)
    assert all(check.passed for check in checks), checks
    seen = json.loads(run_json(result, checks))
    assert {call["outcome"] for call in seen["terminals"][1]["calls"]} == {"busy"}
    model = report_model(result)
    story = " ".join(sentence.text for sentence in model.terminals[1].story.before)
    assert story == "was never online by telephone, for the call failed: busy."
    assert ("calls that stood", "1 of 2") in model.figures


# --- What is made of the console --------------------------------------------------------------------------------------


def event(at_ms, name, text=""):
    return ConsoleEvent(1000 + at_ms, name, text)


def asked(at_s, action="fetch", argument="/a", terminal="T1", **more):
    return NetworkAction(at_s, terminal, action, argument, **more)


def test_what_ends_a_transfer_belongs_to_the_one_that_is_open():
    actions = (asked(3.0, argument="/c"), asked(1.0), asked(2.0, "upload", "/b", octets=7), asked(2.0, terminal="T2"))
    console = [
        event(1400, "fetched", "octets=5 ms=390 status=200 sha256=ab"),
        event(1500, "error", "something else"),
        event(2000, "error", "said in the same instant, of nothing that was open before"),
        event(2900, "upload_failed", "octets=0 status=503 the server says 503"),
        event(3001, "error", "there is no network"),
    ]
    fetched, sent, refused = told.transfers("T1", actions, console, 1000)
    assert (fetched.result, fetched.octets, fetched.took_ms, fetched.digest) == (told.DONE, 5, 390, "ab")
    assert fetched.rate_bits_s == 5 * 8000 // 390
    assert (sent.result, sent.text) == (told.REFUSED, "said in the same instant, of nothing that was open before")
    assert (refused.result, refused.text, refused.ended_ms) == (told.REFUSED, "there is no network", 2001 + 1000)


def test_a_transfer_that_never_ends_is_under_way():
    (one,) = told.transfers("T1", (asked(1.0),), [event(1500, "fetched_not", "")], 1000)
    assert (one.result, one.ended_ms, one.rate_bits_s) == (told.OPEN, None, 0)


def test_a_loss_is_what_the_terminal_tries_to_undo():
    names = ["network_up", "network_down", "network_retry", "network_retry", "network_up", "network_down"]
    console = [event(count, name) for count, name in enumerate(names)]
    assert told.losses(console) == 1
    assert [told.is_online(console[:count]) for count in range(7)] == [False, True, False, False, False, True, False]


def test_phases_follow_one_another_and_a_transfer_is_part_of_being_online():
    console = [
        event(540, "network_up", "kind=own ms=40"),
        event(2400, "fetched", "octets=5 ms=900 status=200 sha256=ab"),
        event(3000, "network_down"),
        event(3000, "network_retry", "ms=1000"),
        event(4200, "network_up", "kind=own ms=10"),
        event(5000, "network_down"),
    ]
    actions = (asked(0.5, "go_online", ""), asked(1.5), asked(4.5, "go_online", ""))
    station = Station("T1", CpythonMachine(find_spec()))
    station.console = console
    plan = NetworkPlan(actions=actions, runtime="cpython", seconds=6)
    transfers = told.transfers("T1", actions, console, 1000)
    terminal = NetworkTerminal("T1", station, Path("x"), "broadband", transfers, (), (), (), (), (), ())
    found = phases(NetworkRun(plan, "cpython", 1000, 6000, (terminal,), {}), terminal)
    assert found == (
        Phase("coming up", 500, 540),
        Phase("online", 540, 1500),
        Phase("transfer", 1500, 2400),
        Phase("online", 2400, 3000),
        Phase("coming up", 3000, 4200),
        Phase("online", 4200, 5000),
        Phase("offline", 5000, 6000),
    )


def find_spec():
    from testbed.machines.base import TerminalSpec

    return TerminalSpec(files={}, wires=("network", "tuner"))


def test_what_terminals_send_is_what_the_judge_expects():
    assert upload_octets(300) == bytes((place * 31 + 7) & 255 for place in range(300))
    assert hashlib.sha256(upload_octets(0)).hexdigest() == hashlib.sha256(b"").hexdigest()
