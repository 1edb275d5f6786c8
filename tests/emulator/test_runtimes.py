"""Finding, caching and publishing runtimes, without network: builds run when an image is first needed."""

import os
import shlex
import stat
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

import pytest
from testbed.cache import cache_dir, locked, publish, publish_folder
from testbed.commands import doctor, upy_suite
from testbed.runtimes import (
    RuntimeUnavailable,
    build,
    debian,
    find,
    network_image,
    pico_image,
    sources,
    toolchain,
    unix_binary,
)

FETCHED = {"micropython": "micropython_1.25.0+ds.orig.tar.xz", "mbedtls": "mbedtls_3.6.6.orig.tar.bz2"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of this test's own."""
    monkeypatch.setenv("RINGCAST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def fetched(monkeypatch):
    """As if the sources were here."""
    monkeypatch.setattr(sources, "versions", lambda: FETCHED)
    monkeypatch.setattr(sources, "fetch", lambda progress: sources.folder())


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeUnavailable("no mirror in this test")

    monkeypatch.setattr(sources, "PrivateApt", refuse)
    monkeypatch.setattr(find.prebuilt, "PrivateApt", refuse)
    monkeypatch.setattr(find, "_download", refuse)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path


def test_cache_folder_is_where_the_variable_says(cache):
    assert cache_dir() == cache


def test_published_file_appears_whole(cache):
    publish(cache / "deep" / "file", b"one")
    publish(cache / "deep" / "file", b"two", mode=0o755)
    assert (cache / "deep" / "file").read_bytes() == b"two"
    assert os.access(cache / "deep" / "file", os.X_OK)
    assert [path.name for path in (cache / "deep").iterdir()] == ["file"]


def test_folder_that_fails_halfway_leaves_nothing(cache):
    def fail(folder):
        (folder / "part").write_text("half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        publish_folder(cache / "tools", fail)
    assert list(cache.iterdir()) == []


def test_lock_makes_the_second_process_wait(cache):
    code = textwrap.dedent("""
        import sys
        from testbed.cache import locked
        with locked("thing", lambda line: print(line, flush=True)):
            print("mine", flush=True)
    """)
    with locked("thing"):
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert "waiting for another process" in other.stdout.readline()
    assert other.stdout.readline() == "mine\n"
    assert other.wait(timeout=10) == 0
    other.stdout.close()


def test_given_image_is_taken_and_its_version_read(tmp_path):
    uf2 = tmp_path / "mine.uf2"
    uf2.write_bytes(b"....MicroPython v1.24.1 on 2024...")
    image = pico_image(uf2)
    assert (image.path, image.origin, image.version) == (uf2, "given", "1.24.1")
    with pytest.raises(RuntimeUnavailable, match=r"no UF2 file .*other\.uf2"):
        pico_image(tmp_path / "other.uf2")


def test_image_is_built_once_and_then_cached(fetched, monkeypatch):
    built = []

    def make(target, progress):
        built.append("stock")
        publish(target, b"uf2")

    def make_firmware(target, recipe, project, manifest, progress, kept):
        built.append(manifest)
        assert "firmware/settop/errors.py" in project
        publish(target, b"uf2")

    monkeypatch.setattr(build, "build_pico", make)
    monkeypatch.setattr(build, "build_firmware", make_firmware)
    assert find.cached_pico_image() is None
    assert pico_image().origin == "debian build"
    assert pico_image().origin == "cache"
    assert find.cached_pico_image() is not None
    frozen = pico_image(frozen=True)
    assert frozen.frozen and frozen.path != pico_image().path
    assert pico_image(frozen=True).origin == "cache"
    assert built == ["stock", "boards/pico/manifest.py"]


@pytest.mark.parametrize("what", ["sources", "flags", "recipe", "manifest"])
def test_whatever_goes_into_an_image_changes_its_name(fetched, monkeypatch, what):
    before = find._pico_path()
    if what == "sources":
        monkeypatch.setattr(sources, "versions", lambda: {**FETCHED, "mbedtls": "mbedtls_3.6.7.orig.tar.bz2"})
    elif what == "flags":
        monkeypatch.setattr(build, "PICO_CMAKE_FLAGS", ("-DOTHER=1",))
    elif what == "recipe":
        monkeypatch.setattr(build, "RECIPE", build.RECIPE + 1)
    else:
        monkeypatch.setattr(build, "PICO_MANIFEST", "")
    assert find._pico_path() != before


def test_image_with_a_network_is_built_once_and_lwip_is_no_matter_of_the_stock_image(fetched, monkeypatch):
    built, lwip = [], ["lwip_2.2.1.orig.tar.xz"]
    monkeypatch.setattr(sources, "lwip_version", lambda: lwip[0])
    monkeypatch.setattr(sources, "fetch_lwip", lambda progress: sources.lwip_folder())

    def make(target, recipe, definition, progress):
        built.append((recipe.image_bytes, sorted(name.rpartition("/")[2] for name in definition)))
        publish(target, b"uf2")

    monkeypatch.setattr(build, "build_network", make)
    stock = find._pico_path()
    assert [network_image().origin for _ in range(2)] == ["debian build", "cache"]
    assert built == [(1_032_192, ["mpconfigboard.cmake", "mpconfigboard.h", "uplink.c"])]
    lwip[0] = "lwip_2.2.2.orig.tar.xz"
    assert network_image().origin == "debian build" and find._pico_path() == stock


def test_lwip_is_fetched_once_and_apart_from_the_other_sources(cache, monkeypatch):
    class Apt:
        asked: list = []

        def __init__(self, folder, release, progress):
            folder.mkdir(parents=True)

        def sources(self, folder, packages):
            Apt.asked.append(packages)
            folder.mkdir()
            with tarfile.open(folder / "lwip_2.2.1+dfsg1.orig.tar.xz", "w:xz") as tar:
                tar.add(__file__, "lwip-2.2.1/src/core/init.c")

    monkeypatch.setattr(sources, "PrivateApt", Apt)
    assert sources.lwip_version() is None
    for _ in range(2):
        assert (sources.fetch_lwip(lambda line: None) / "src" / "core" / "init.c").is_file()
    assert Apt.asked == [("lwip",)] and sources.lwip_version() == "lwip_2.2.1+dfsg1.orig.tar.xz"
    assert sources.versions() is None


def test_no_way_to_an_image_says_why_in_one_line(no_network):
    with pytest.raises(RuntimeUnavailable, match="no mirror in this test; or give one with --uf2 FILE") as caught:
        pico_image()
    assert "\n" not in str(caught.value)


def test_a_failed_build_names_the_error_and_the_log(cache, fetched, monkeypatch, no_network):
    for name in ("micropython/ports/rp2", "micropython/lib", "mbedtls", "pico-sdk", "tinyusb"):
        (sources.folder() / name).mkdir(parents=True)
    monkeypatch.setattr(toolchain, "find", lambda kind, progress: toolchain.Toolchain("installed"))
    script(cache / "bin" / "make", "echo 'x.c:1: error: out of luck'; exit 2\n")
    monkeypatch.setenv("PATH", f"{cache / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(RuntimeUnavailable, match=r"error: out of luck; the log is (.*\.log)") as caught:
        pico_image()
    log = Path(str(caught.value).split("the log is ")[1].split(";")[0])
    assert b"out of luck" in log.read_bytes()
    assert not list(cache.glob("build-*"))


@pytest.mark.parametrize(
    ("said", "usable"), [("1.25.0", True), ("1.22.0", True), ("1.19.1", False), ("2.0.0", True), ("hello", False)]
)
def test_installed_unix_port_is_taken_if_it_is_new_enough(tmp_path, monkeypatch, no_network, said, usable):
    script(tmp_path / "bin" / "micropython", f"echo {said}\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    if usable:
        binary = unix_binary()
        assert (binary.origin, binary.version) == ("installed", said)
        assert binary.argv == (str(tmp_path / "bin" / "micropython"),)
    else:
        with pytest.raises(RuntimeUnavailable, match="no mirror in this test"):
            unix_binary()


def test_unix_port_without_compiler_names_the_package_to_install(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeUnavailable, match=r"gcc, make missing; as root: apt-get install .*gcc"):
        unix_binary()


def test_mirror_is_the_named_one_or_the_one_of_apt(tmp_path, monkeypatch):
    monkeypatch.setenv(debian.MIRROR_VARIABLE, "http://mirror.invalid/debian")
    assert debian.mirror() == "http://mirror.invalid/debian"
    monkeypatch.delenv(debian.MIRROR_VARIABLE)
    script(tmp_path / "apt-get", "echo http://a.invalid/debian-security Debian; echo http://b.invalid/debian Debian\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert debian.mirror() == "http://b.invalid/debian"


def test_machine_without_apt_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeUnavailable, match="apt-get, dpkg-deb, tar, which this machine lacks"):
        debian.PrivateApt(tmp_path / "apt", "trixie", print)


def test_missing_keyring_is_an_error_not_a_warning(tmp_path, monkeypatch):
    for tool in ("apt-get", "dpkg-deb", "tar"):
        script(tmp_path / tool, "exit 0\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(debian, "KEYRING", tmp_path / "none.gpg")
    with pytest.raises(RuntimeUnavailable, match="signatures cannot be checked"):
        debian.PrivateApt(tmp_path / "apt", "trixie", print)


def test_apt_failure_is_reported_in_its_own_words(tmp_path, monkeypatch):
    script(tmp_path / "apt-get", "echo 'W: never mind' >&2; echo 'E: Unable to locate package x' >&2; exit 100\n")
    for tool in ("dpkg-deb", "tar"):
        script(tmp_path / tool, "exit 0\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(RuntimeUnavailable, match="apt-get update failed: E: Unable to locate package x"):
        debian.PrivateApt(tmp_path / "apt", None, print)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"# runtimes: cpython unix\nx", ("cpython", "unix")),
        (b'"""Doc."""\n# runtimes: pico, unix\n', ("pico", "unix")),
        (b"x = 1\n", upy_suite.RUNTIMES),
        (b"\n" * 9 + b"# runtimes: pico\n", upy_suite.RUNTIMES),
    ],
)
def test_module_says_on_its_first_lines_where_it_runs(head, expected):
    assert upy_suite.runtimes_of(head) == expected


def test_what_is_long_on_the_pico_is_left_to_ci_or_soak_unless_it_is_named(tmp_path, capsys):
    tests = suite(
        tmp_path, test_a="# on the pico: long\n" + SAMPLE, test_b=SAMPLE, test_c="# on the pico: soak\n" + SAMPLE
    )
    assert upy_suite.modules_for("pico", tests, [], "fast") == ["test_b"]
    said = capsys.readouterr().out
    assert "left to CI on pico: test_a" in said and "left to soak on pico: test_c" in said
    assert upy_suite.modules_for("pico", tests, ["test_a", "test_c"], "fast") == ["test_a", "test_c"]
    assert upy_suite.modules_for("pico", tests, []) == ["test_a", "test_b"]
    assert upy_suite.modules_for("pico", tests, [], "soak") == ["test_c"]
    assert upy_suite.modules_for("unix", tests, [], "fast") == ["test_a", "test_b", "test_c"]


def suite(tmp_path, **modules):
    """A tests folder with the real runner and these modules."""
    (tmp_path / "vectors").mkdir()
    folder = tmp_path / "firmware"
    folder.mkdir()
    for name in ("kit.py", "run.py"):
        (folder / name).write_bytes((upy_suite.tests_folder() / "firmware" / name).read_bytes())
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return tmp_path


SAMPLE = """
from kit import HEX, Skip, raises

def test_good():
    with raises(ValueError) as caught:
        int("x")
    assert isinstance(caught.value, ValueError) and HEX("0a 0B") == b"\\n\\x0b"

def test_bad():
    assert 1 == 2, "one is not two"

def test_quiet():
    with raises(ValueError):
        pass

def test_other():
    with raises(ValueError):
        [][0]

def test_skipped():
    raise Skip("no moon")
"""


def judge(runs):
    outputs, total = [], upy_suite.Totals()
    for text, totals in runs:
        outputs.append(text)
        total += totals
    return "\n".join(outputs), total


def check_sample(text, total):
    assert total == upy_suite.Totals(1, 4, 1)
    for words in ("FAIL test_a.test_bad", "one is not two", "nothing was raised, expected ValueError", "IndexError"):
        assert words in text
    assert "SKIP test_a.test_skipped: no moon" in text and "FAIL test_b (import)" in text


def test_runner_counts_on_cpython(tmp_path):
    tests = suite(tmp_path, test_a=SAMPLE, test_b="import nowhere")
    check_sample(*judge(upy_suite.run_on_unix((sys.executable,), tests, ["test_a", "test_b"])))


def unix_port():
    try:
        return unix_binary()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def real_cache(monkeypatch):
    monkeypatch.delenv("RINGCAST_CACHE")


@pytest.mark.unix
def test_runner_counts_on_unix(tmp_path, real_cache):
    binary = unix_port()
    tests = suite(tmp_path, test_a=SAMPLE, test_b="import nowhere")
    check_sample(*judge(upy_suite.run_on_unix(binary.argv, tests, ["test_a", "test_b"])))


@pytest.mark.unix
def test_interpreter_that_dies_is_a_failure(tmp_path, real_cache):
    binary = unix_port()
    tests = suite(tmp_path, test_a="import sys\ndef test_x():\n    sys.exit(0)\n")
    text, total = judge(upy_suite.run_on_unix(binary.argv, tests, ["test_a"]))
    assert total.failed == 1 and "ended with status 0" in text


@pytest.mark.pico
def test_runner_counts_on_the_pico(tmp_path, real_cache):
    image = find.cached_pico_image() or pytest.skip("no Pico image in the cache")
    tests = suite(tmp_path, test_a=SAMPLE, test_b="import nowhere")
    check_sample(*judge(upy_suite.run_on_pico(image, tests, ["test_a", "test_b"])))


@pytest.mark.pico
def test_board_that_never_ends_meets_the_limit(tmp_path, real_cache, monkeypatch):
    image = find.cached_pico_image() or pytest.skip("no Pico image in the cache")
    monkeypatch.setattr(upy_suite, "PICO_LIMIT_S", 1)
    tests = suite(tmp_path, test_a="import time\ndef test_x():\n    time.sleep(60)\n")
    text, total = judge(upy_suite.run_on_pico(image, tests, ["test_a"]))
    assert total.failed == 1 and "no totals after 1.0 simulated s (limit 1 s)" in text


def test_suite_names_what_it_leaves_out(tmp_path, capsys):
    tests = suite(tmp_path, test_a="# runtimes: cpython unix\n", test_b="")
    assert upy_suite.modules_for("pico", tests, []) == ["test_b"]
    assert capsys.readouterr().out == "left out on pico: test_a is for cpython unix\n"
    with pytest.raises(FileNotFoundError, match="no test module"):
        upy_suite.modules_for("pico", tests, ["test_z"])


@pytest.mark.parametrize("columns", ["40", "80", "200", None])
def test_doctor_lists_what_is_missing_and_prints_each_command_whole(tmp_path, monkeypatch, capsys, columns):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    doctor.doctor()
    lines = capsys.readouterr().out.splitlines()
    missing = [finding for finding in doctor.examine() if finding.found is None]
    assert len(missing) >= 6
    for finding in missing:
        assert lines.count(finding.remedy) == 1, finding
        assert finding.what in lines[lines.index(finding.remedy) - 1]
    assert "apt-get install ffmpeg" in lines
    assert lines[-1] == "The demo can run here: ./ringcast demo"
    assert all(len(line) <= int(columns or 80) for line in lines if line[:1] in "┏┃┡│└")


def test_doctor_recommends_only_what_a_shell_can_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor.find, "package_version", lambda name: None)
    monkeypatch.setattr(doctor.sources, "reachable", lambda: False)
    monkeypatch.setattr(doctor.sys, "executable", "/a b/python")
    lines = doctor.remedies(doctor.examine())
    for comment, command in zip(lines[::2], lines[1::2], strict=True):
        assert comment.startswith("# ")
        assert shlex.split(command)[0] in ("apt-get", "./ringcast", "/a b/python"), command
        assert "(" not in command
    assert any(command.startswith("'/a b/python' -m pip install") for command in lines)


def test_doctor_fails_when_nothing_can_run(monkeypatch, capsys):
    findings = [doctor.Finding("av codecs", "pictures", None, "pip install av"), doctor.Finding("Python", "all", "3")]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    with pytest.raises(doctor.typer.Exit) as caught:
        doctor.doctor()
    assert caught.value.exit_code == 1 and "pip install av" in capsys.readouterr().out
