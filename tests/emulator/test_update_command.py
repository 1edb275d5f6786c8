"""`ringcast update`: what it makes, says and refuses; the private key is never shown."""

import os

import pytest
from headend.updates.module import read
from headend.updates.signing_key import read_key_file
from testbed import cli
from typer.testing import CliRunner

from tests.helpers.commands import ringcast

UNIT = "def make(sink, rate, channels, extra):\n    return sink\n"
VIPER = "import micropython\n@micropython.viper\ndef make(sink, rate: int, channels: int, extra):\n    return sink\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unit.py").write_text(UNIT)
    ringcast("update", "keygen", "signer.key")
    return tmp_path


def sign(*more, source="unit.py", target="unit.up"):
    return ringcast("update", "sign", source, target, "--key-file", "signer.key", "--name", "ulaw", *more)


def refused(status, ended):
    assert ended.status == status, ended.out + ended.err
    assert "Traceback" not in ended.err
    return ended.err


def test_a_key_is_made_once_and_its_public_half_is_shown(folder):
    private = (folder / "signer.key").read_text().strip()
    assert (folder / "signer.key").stat().st_mode & 0o777 == 0o600
    ended = ringcast("update", "keygen", "other.key")
    assert ended.status == 0 and ended.out == f'SIGNER = "{read_key_file(folder / "other.key").public.hex()}"\n'
    assert "never overwritten" in refused(1, ringcast("update", "keygen", "signer.key"))
    assert (folder / "signer.key").read_text().strip() == private


def test_source_is_compiled_signed_shown_and_verified(folder):
    ended = sign("--version", "3", "--codec", "ulaw", "--board", "pico")
    assert ended.status == 0, ended.err
    assert "ulaw version 3, codec unit for ulaw, for pico, .mpy 6" in ended.out
    made = read((folder / "unit.up").read_bytes())
    assert made.module[:2] == b"M\x06" and (made.board, made.codec, made.version) == ("pico", "ulaw", 3)
    said = ringcast("update", "info", "unit.up")
    assert said.status == 0 and "codec unit for ulaw" in said.out and "not judged" in said.out
    public = read_key_file(folder / "signer.key").public.hex()
    for whose in (("--signer", public), ("--key-file", "signer.key")):
        assert "whole, and of this signer" in ringcast("update", "verify", "unit.up", *whose).out
    private = (folder / "signer.key").read_text().strip()
    assert private not in ended.out + ended.err + said.out


def test_plain_python_is_for_every_board_and_machine_code_is_not(folder):
    assert "for any board, .mpy 6 (any processor" in sign("--version", "1").out
    (folder / "fast.py").write_text(VIPER)
    assert "say --board" in refused(1, sign("--version", "1", source="fast.py", target="fast.up"))
    assert not (folder / "fast.up").exists()
    assert "machine code" in sign("--version", "1", "--board", "pico", source="fast.py", target="fast.up").out
    assert "Python source" in sign("--version", "1", "--source").out
    assert read((folder / "unit.up").read_bytes()).module == UNIT.encode()


def test_a_key_file_that_others_can_read_signs_nothing(folder):
    os.chmod(folder / "signer.key", 0o644)
    assert "can be read by others" in refused(1, sign("--version", "1"))
    assert not (folder / "unit.up").exists()


def test_what_is_altered_cut_or_of_somebody_else_is_told(folder):
    sign("--version", "1")
    ringcast("update", "keygen", "other.key")
    whole = (folder / "unit.up").read_bytes()
    assert "not that of this signer" in refused(1, ringcast("update", "verify", "unit.up", "--key-file", "other.key"))
    for data, why in (
        (whole[:-1], "of which"),
        (whole[:-1] + b"\0", "altered"),
        (b"", "cut short"),
        (b"x" * 300, "no"),
    ):
        (folder / "bad.up").write_bytes(data)
        assert why in refused(1, ringcast("update", "info", "bad.up"))
        assert why in refused(1, ringcast("update", "verify", "bad.up", "--key-file", "signer.key"))
    (folder / "large").write_bytes(bytes(70_000))
    assert "no terminal takes" in refused(1, ringcast("update", "info", "large"))
    assert "cannot read" in refused(1, ringcast("update", "info", "none"))


def test_options_that_mean_nothing_are_said_to(folder):
    sign("--version", "1")
    for words in ((), ("--signer", "xy"), ("--signer", "ab", "--key-file", "signer.key")):
        refused(2, ringcast("update", "verify", "unit.up", *words))
    assert "no Ed25519 public key" in refused(1, ringcast("update", "verify", "unit.up", "--signer", "ab"))
    (folder / "bad.py").write_text("1 +\n")
    for words, why in (
        (("--version", "0"), "version of a module"),
        (("--version", "1", "--codec", "MP3"), "lower case"),
        (("--version", "1", "--board", "pico3"), "no board"),
    ):
        assert why in refused(1, sign(*words, target="new.up"))
    refused(1, sign("--version", "1", source="bad.py", target="new.up"))
    refused(1, sign("--version", "1", "--source", source="bad.py", target="new.up"))
    assert not (folder / "new.up").exists()


@pytest.mark.parametrize("name", ["keygen", "sign", "info", "verify"])
def test_help_teaches_by_examples(name):
    said = CliRunner().invoke(cli.app, ["update", name, "--help"], env={"COLUMNS": "200"}).stdout
    assert f"ringcast update {name}" in said and "Exit status" in said
