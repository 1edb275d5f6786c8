"""The command line as a whole: what it lists, what it imports, how its commands end."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from settop.errors import LocalError
from testbed import cli
from testbed.commands.ending import ending, fail, interruption
from testbed.machines.base import MachineError
from typer.testing import CliRunner

from tests.helpers.commands import ringcast

NAMES = [name for names in cli.COMMANDS.values() for name in names]
WIDTH = 80  # of a terminal, unless it says something else


def function(name):
    module = next(names[name][0] for names in cli.COMMANDS.values() if name in names)
    return getattr(import_module(f"testbed.commands.{module}"), name)


def listing(width=WIDTH):
    return CliRunner().invoke(cli.app, ["--help"], env={"COLUMNS": str(width)}).stdout


def modules_of(*arguments):
    """Modules of the project that a call of the command line imports."""
    program = (
        f"import sys; sys.argv[1:] = {list(arguments)!r}\n"
        "from testbed import cli\n"
        "try: cli.main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    names = set(done.stderr.split())
    return {name for name in names if name.startswith(("testbed.", "headend.", "settop."))}


def test_help_lists_every_command_on_one_line_in_its_section():
    lines = [line.strip("│ \n") for line in listing().splitlines()]
    at = 0
    for section, names in cli.COMMANDS.items():
        at = next(number for number in range(at, len(lines)) if lines[number].startswith(f"╭─ {section} "))
        for name, (_, line) in names.items():
            at += 1
            assert lines[at].split(None, 1) == [name, line]
        assert lines[at + 1].startswith("╰")


@pytest.mark.parametrize("name", NAMES)
def test_a_commands_own_help_begins_with_its_line(name):
    _, line = next(names[name] for names in cli.COMMANDS.values() if name in names)
    said = inspect.getdoc(function(name)).replace("\n", " ")
    assert said.startswith(line.removesuffix("."))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "test"])
def test_a_commands_own_help_has_an_example_and_says_how_it_ends(name):
    said = inspect.getdoc(function(name))
    assert f"\n  ringcast {name}" in said or f"\nringcast {name}" in said
    assert "Exit status" in said or "exit status" in said


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_there_under_its_name(name):
    ended = ringcast(name, "--help")
    assert ended.status == 0
    assert f"Usage: ringcast {name} " in ended.out


@pytest.mark.parametrize("arguments", [(), ("--help",), ("nonsense",)])
def test_the_list_is_shown_without_importing_a_command(arguments):
    assert modules_of(*arguments) == {
        "headend.stopping",
        "testbed.cli",
        "testbed.commands",
        "testbed.commands.ending",
    }


def test_only_the_command_that_is_called_is_imported():
    assert {name for name in modules_of("ring", "--help") if name.startswith("testbed.commands.")} == {
        "testbed.commands.ending",
        "testbed.commands.ring",
    }


def test_unknown_command_is_answered_with_what_there_is_and_what_comes_closest():
    ended = ringcast("scrambel")
    assert ended.status == 2
    assert ended.err.startswith(
        "ringcast: no command 'scrambel': did you mean `ringcast scramble`? There are demo, run, "
    )
    assert all(name in ended.err for name in NAMES)
    assert ended.err.count("\n") == 1
    assert ringcast("qqqq").err.startswith("ringcast: no command 'qqqq': there are demo, run, ")


SHOP = """
import typer
from settop.errors import RemoteError

app = typer.Typer(help="The shop.")

@app.command()
def sell(title: str) -> None:
    '''Sells a title.'''
    typer.echo("sold " + title)

@app.command()
def close() -> None:
    '''Closes.'''
    raise RemoteError("somebody is still inside")
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    (tmp_path / "toy_shop.py").write_text(SHOP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli.SYSTEMS, "shop", ("toy_shop", "Films to keep."))
    yield
    sys.modules.pop("toy_shop", None)


def test_a_system_brings_a_group_of_commands_with_one_line(shop):
    lines = [line.strip("│ ").split(None, 1) for line in listing().splitlines()]
    assert ["shop", "Films to keep."] in lines
    assert "toy_shop" not in sys.modules
    assert ringcast("shop", "sell", "Metropolis").out == "sold Metropolis\n"
    assert "Sells a title." in ringcast("shop", "--help").out


def test_a_systems_commands_end_as_all_others_do(shop):
    ended = ringcast("shop", "close")
    assert (ended.status, ended.err) == (1, "ringcast shop close: somebody is still inside\n")


class _Stopped(KeyboardInterrupt):
    status = 143


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (LocalError("no such thing"), 1, "no such thing"),
        (MachineError("it died"), 1, "it died"),
        (FileNotFoundError(2, "No such file or directory", "x.ts"), 1, "x.ts: No such file or directory"),
        (BrokenPipeError(32, "Broken pipe"), 141, "the output: nobody reads it any more"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (_Stopped("ended by SIGTERM"), 143, "ended by SIGTERM"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_a_command_raises_becomes_a_line_and_an_exit_status(error, status, line, capsys):
    with pytest.raises(typer.Exit) as caught, ending("ringcast x"):
        raise error
    assert caught.value.exit_code == status
    assert capsys.readouterr().err == f"ringcast x: {line}\n"


def test_a_command_may_fail_with_a_status_of_its_own(capsys):
    with pytest.raises(typer.Exit) as caught, ending("ringcast x"):
        fail("there is no y", 2)
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == "ringcast x: there is no y\n"


def test_a_command_may_say_what_an_interruption_leaves_behind(capsys):
    with pytest.raises(typer.Exit) as caught, ending("ringcast x"), interruption("half of it is there"):
        raise _Stopped("ended by SIGTERM")
    assert caught.value.exit_code == 143
    assert capsys.readouterr().err == "ringcast x: half of it is there\n"


def test_bugs_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), ending("ringcast x"):
        raise ZeroDivisionError
