"""`ringcast scramble` and `ringcast descramble` as commands."""

import json
import os
import stat
import subprocess
import sys

import pytest
from testbed.cli import app
from typer.testing import CliRunner

from tests.helpers.ts_builder import plain_stream

SECRET = "000102030405060708090a0b0c0d0e0f"


@pytest.fixture
def files(tmp_path):
    plain_stream(1000, null_every=4).write(tmp_path / "in.ts")
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def call_scramble(files, *more, source="in.ts", secret=SECRET, seconds=0.5):
    return call(
        *("scramble", files / source, files / "out.ts", "--portion-seconds", seconds),
        *("--programme-secret", secret, "--keys-out", files / "keys.json", *more),
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_scramble_and_descramble_restore_the_file(files):
    done = call_scramble(files)
    assert done.exit_code == 0, done.output
    assert "2 portions" in done.output
    done = call("descramble", files / "out.ts", files / "back.ts", "--keys", files / "keys.json")
    assert done.exit_code == 0, done.output
    assert "0 left scrambled" in done.output
    assert (files / "back.ts").read_bytes() == (files / "in.ts").read_bytes()


def test_key_file_covers_the_output_and_only_its_owner_reads_it(files):
    call_scramble(files, "--broadcast-id", "0102030405060708", "--programme-id", 9)
    document = json.loads((files / "keys.json").read_text())
    assert (document["broadcast_id"], document["programme_id"]) == ("0102030405060708", 9)
    at = 0
    for index, portion in enumerate(document["portions"]):
        assert (portion["index"], portion["parity"]) == (index, ("even", "odd")[index % 2])
        assert len(bytes.fromhex(portion["key"])) == 16
        assert portion["first_packet"] == at
        at += portion["packets"]
    assert at * 188 == (files / "out.ts").stat().st_size
    assert stat.S_IMODE((files / "keys.json").stat().st_mode) == 0o600


def test_every_run_has_another_broadcast_id(files):
    ids = set()
    for _ in range(3):
        call_scramble(files)
        ids.add(json.loads((files / "keys.json").read_text())["broadcast_id"])
    assert len(ids) == 3


SCRAMBLE = ("--portion-seconds", 1, "--programme-secret", SECRET, "--keys-out")


def test_output_over_the_input_is_refused(files):
    before = (files / "in.ts").read_bytes()
    (files / "link.ts").symlink_to(files / "in.ts")
    for target in ("in.ts", "link.ts"):
        refused = call("scramble", files / "in.ts", files / target, *SCRAMBLE, files / "keys.json")
        assert (refused.exit_code, "is the input itself" in refused.stderr) == (1, True)
    assert call("scramble", files / "in.ts", files / "out.ts", *SCRAMBLE, files / "out.ts").exit_code == 2
    assert (files / "in.ts").read_bytes() == before
    assert not (files / "keys.json").exists()


def test_only_regular_files_are_replaced(files):
    (files / "folder").mkdir()
    refused = call("scramble", files / "in.ts", files / "folder", *SCRAMBLE, files / "keys.json")
    assert (refused.exit_code, "not a regular file" in refused.stderr) == (1, True)
    refused = call("scramble", files / "in.ts", files / "none" / "out.ts", *SCRAMBLE, files / "keys.json")
    assert (refused.exit_code, "there is no folder" in refused.stderr) == (1, True)
    os.mkfifo(files / "pipe")
    for keys in ("-", "/dev/stdout", files / "pipe", "/dev/full"):
        refused = call("scramble", files / "in.ts", files / "out.ts", *SCRAMBLE, keys)
        assert (refused.exit_code, "--keys-out must be a file" in refused.stderr) == (2, True)
    assert names(files) == ["folder", "in.ts", "pipe"]


def test_keys_of_another_broadcast_are_refused(files):
    for number in (1, 2):
        made = call("scramble", files / "in.ts", files / f"{number}.ts", *SCRAMBLE, files / f"{number}.json")
        assert made.exit_code == 0
    refused = call("descramble", files / "1.ts", files / "out.ts", "--keys", files / "2.json")
    assert (refused.exit_code, "is for broadcast" in refused.stderr) == (1, True)
    assert not (files / "out.ts").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"source": "none.ts"}, "none.ts"),
        ({"source": "text"}, "no MPEG transport stream"),
        ({"secret": "0011"}, "at least 16"),
        ({"seconds": 0}, "portion_seconds"),
    ],
)
def test_failure_is_one_line_exit_status_1_and_no_file(files, options, says):
    (files / "text").write_text("hello" * 1000)
    before = names(files)
    done = call_scramble(files, **options)
    assert done.exit_code == 1
    assert says in done.output
    assert done.output.count("\n") == 1
    assert names(files) == before


def test_failure_keeps_an_older_output(files):
    (files / "out.ts").write_bytes(b"older")
    (files / "text").write_text("hello" * 1000)
    assert call_scramble(files, source="text").exit_code == 1
    assert (files / "out.ts").read_bytes() == b"older"


def test_secret_that_is_no_hex_is_not_repeated(files):
    done = call_scramble(files, secret="not hex at all")
    assert done.exit_code == 2
    assert "not hex at all" not in done.output


def test_help_shows_an_example():
    for command in ("scramble", "descramble"):
        done = call(command, "--help")
        assert done.exit_code == 0
        assert f"ringcast {command}" in done.output


def test_general_help_lists_every_command_and_one_command_imports_no_other():
    program = (
        "import sys; sys.argv[1:] = {0}; from testbed.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*sorted(name for name in sys.modules if name.startswith('testbed.commands.')))"
    )
    outputs = []
    for arguments in (["--help"], ["scramble", "--help"]):
        command = [sys.executable, "-c", program.format(arguments)]
        outputs.append(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    for name in ("demo", "run", "scramble", "descramble", "modem", "ring", "provision", "bench", "doctor", "test"):
        assert f" {name} " in outputs[0]
    assert outputs[1].splitlines()[-1] == " ".join(
        f"testbed.commands.{name}" for name in ("_files", "_live", "ending", "scramble")
    )


# --- the price on air ---------------------------------------------------------------------------------------------


def offers(path):
    """The prices that the PMTs of a stream announce."""
    from settop.services.call.opener import recognise
    from settop.ts.psi import TABLE_PMT, SectionReader, unpack_pmt

    reader, found, data = SectionReader(TABLE_PMT), set(), path.read_bytes()
    for at in range(0, len(data), 188):
        one = data[at : at + 188]
        if (one[1] & 0x1F) << 8 | one[2] == 0x1000:
            found |= {unpack_pmt(section, recognise).offer for section in reader.feed(one)}
    return {offer and (offer.price, offer.set_up, offer.currency, offer.tariff) for offer in found}


@pytest.mark.parametrize(
    ("options", "announced"),
    [
        ((), None),
        (("--price", 25), (25, 0, "EUR", "standard")),
        (
            ("--price", 0, "--set-up-price", 4_294_967_295, "--currency", "SEK", "--tariff", "late night"),
            (0, 4_294_967_295, "SEK", "late night"),
        ),
    ],
)
def test_price_goes_on_air_and_descrambling_takes_it_away(files, options, announced):
    done = call_scramble(files, *options)
    assert done.exit_code == 0, done.output
    assert offers(files / "out.ts") == {announced}
    call("descramble", files / "out.ts", files / "back.ts", "--keys", files / "keys.json")
    assert (files / "back.ts").read_bytes() == (files / "in.ts").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tariff", "x"), "need --price"),
        (("--set-up-price", 1), "need --price"),
        (("--price", -1), "0 to 4294967295"),
        (("--price", 1, "--currency", "Euro"), "three letters"),
        (("--price", 1, "--tariff", "t" * 21), "1 to 20 printable"),
        (("--price", 1, "--tariff", ""), "1 to 20 printable"),
    ],
)
def test_price_that_cannot_go_on_air_is_refused_and_nothing_is_left_behind(files, options, said):
    before = names(files)
    done = call_scramble(files, *options)
    assert done.exit_code in (1, 2)
    assert said in " ".join(done.output.replace("│", " ").split())
    assert names(files) == before
