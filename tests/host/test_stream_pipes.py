"""`ringcast scramble` and `descramble` between pipes, as programs."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
from headend.ts.io.sources import Source
from headend.ts.io.targets import descriptor_of, is_stream
from settop.errors import LocalError

from tests.helpers.ts_builder import plain_stream

OPTIONS = ("--portion-seconds", "0.5", "--programme-secret", "00" * 32, "--broadcast-id", "0102030405060708")
DATA = plain_stream(3000, null_every=7).bytes()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in.ts").write_bytes(DATA)
    done = run(tmp_path, "scramble", "in.ts", "wanted.ts", *OPTIONS, "--keys-out", "wanted.json")
    assert done.returncode == 0
    return tmp_path


def words_of(arguments):
    return [sys.executable, "-P", "-m", "testbed.cli", *map(str, arguments)]


def run(folder, *arguments, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(words_of(arguments), cwd=folder, timeout=60, check=False, **options)


def scramble(folder, source, target, **options):
    return run(folder, "scramble", source, target, *OPTIONS, "--keys-out", "keys.json", **options)


def is_wanted(folder, data):
    assert (folder / "keys.json").read_bytes() == (folder / "wanted.json").read_bytes()
    return data == (folder / "wanted.ts").read_bytes()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("source", ["-", "/dev/stdin", "/dev/fd/0"])
@pytest.mark.parametrize("target", ["-", "/dev/stdout", "out.ts"])
def test_pipes_give_what_files_give(folder, source, target):
    done = scramble(folder, source, target, input=DATA)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert "copied" not in said
    if target == "out.ts":
        assert is_wanted(folder, (folder / "out.ts").read_bytes())
        assert b"portions" in done.stdout
    else:
        assert is_wanted(folder, done.stdout)
        assert "portions" in said
    assert set(names(folder)) <= {"in.ts", "keys.json", "out.ts", "wanted.json", "wanted.ts"}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"".join(DATA[at : at + 188] + bytes(16) for at in range(0, len(DATA), 188)), "are not 188 bytes"),
        (b"garbage" + DATA, "are not 188 bytes"),
    ],
)
def test_what_one_pass_does_not_suffice_for_is_copied_first_and_a_line_says_why(folder, data, why):
    (folder / "odd.ts").write_bytes(data)
    assert scramble(folder, "odd.ts", "wanted.ts").returncode == 0
    done = scramble(folder, "-", "out.ts", input=data)
    assert done.returncode == 0, done.stderr
    assert f"- is first copied to a temporary file in {folder}: " in done.stderr.decode()
    assert why in done.stderr.decode()
    same = (folder / "out.ts").read_bytes() == (folder / "wanted.ts").read_bytes()
    assert same


def test_octets_lost_in_a_pipe_cost_the_packets_around_them(folder):
    done = scramble(folder, "-", "out.ts", input=DATA[: 188 * 300 + 50] + DATA[188 * 301 :])
    assert done.returncode == 0
    assert b"50 damaged bytes skipped at 1 places" in done.stderr


def test_file_that_grows_is_followed_until_it_stands_still(folder):
    (folder / "growing.ts").write_bytes(DATA[: 188 * 200])
    words = ("scramble", "growing.ts", "out.ts", *OPTIONS, "--keys-out", "keys.json", "--follow", "2")
    process = subprocess.Popen(words_of(words), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with open(folder / "growing.ts", "ab") as file:
        for at in range(188 * 200, len(DATA), 188 * 300):
            time.sleep(0.1)
            file.write(DATA[at : at + 188 * 300])
            file.flush()
    said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert is_wanted(folder, (folder / "out.ts").read_bytes())


def test_standard_input_that_is_a_file_is_read_where_it_is(folder):
    with open(folder / "in.ts", "rb") as file:
        done = scramble(folder, "-", "-", stdin=file)
    assert is_wanted(folder, done.stdout)
    assert b"copied" not in done.stderr
    with open(folder / "in.ts", "rb") as file:
        file.seek(188 * 400)
        assert scramble(folder, "-", "out.ts", stdin=file).returncode == 0
    assert (folder / "out.ts").stat().st_size < len(DATA) - 188 * 350


@pytest.mark.parametrize("mode", ["wb", "ab", "r+b"])
def test_standard_output_that_is_a_file_is_written_from_where_it_is(folder, mode):
    (folder / "out.ts").write_bytes(b"before")
    with open(folder / "out.ts", mode) as file:
        if mode == "r+b":
            file.seek(6)
        assert scramble(folder, "in.ts", "-", stdout=file).returncode == 0
    data = (folder / "out.ts").read_bytes()
    assert is_wanted(folder, data.removeprefix(b"before"))
    assert data.startswith(b"before") == (mode != "wb")


def test_named_pipes_at_both_ends(folder):
    os.mkfifo(folder / "from")
    os.mkfifo(folder / "to")
    feeder = subprocess.Popen(["cp", "in.ts", "from"], cwd=folder)
    words = words_of(("scramble", "from", "to", *OPTIONS, "--keys-out", "keys.json"))
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    got = (folder / "to").read_bytes()
    assert feeder.wait(60) == 0
    assert (process.communicate(timeout=60)[0].count(b"portions"), process.returncode) == (1, 0)
    assert is_wanted(folder, got)


def test_descrambling_in_a_pipe_gives_back_the_input(folder):
    done = run(folder, "descramble", "-", "-", "--keys", "wanted.json", input=(folder / "wanted.ts").read_bytes())
    assert done.stdout == DATA
    assert b"0 left scrambled" in done.stderr


def test_keys_may_come_through_a_pipe(folder):
    with open(folder / "wanted.json", "rb") as file:
        piped = run(folder, "descramble", "wanted.ts", "-", "--keys", "/dev/stdin", input=file.read())
    assert piped.stdout == DATA, piped.stderr


def feed(pipe, data):
    with suppress(BrokenPipeError), pipe:
        pipe.write(data)


def test_reader_that_goes_away_is_one_line_and_leaves_no_keys(folder):
    big = DATA * 20
    before = names(folder)
    words = words_of(("scramble", "-", "-", *OPTIONS, "--keys-out", "keys.json"))
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    feeder = threading.Thread(target=feed, args=(process.stdin, big))  # it is put out while it comes in
    feeder.start()
    process.stdout.read(1000)
    process.stdout.close()
    said = process.stderr.read().decode()
    assert process.wait(60) == 141
    feeder.join()
    assert said.splitlines()[-1] == "ringcast scramble: -: nobody reads it any more"
    assert "Traceback" not in said
    assert names(folder) == before


def test_summary_that_nobody_reads_is_no_traceback(folder):
    for target, status in (("/dev/full", 1), (None, 141)):
        if target is None:
            reading, writing = os.pipe()
            os.close(reading)
        else:
            writing = os.open(target, os.O_WRONLY)
        done = scramble(folder, "in.ts", "out.ts", stdout=writing)
        os.close(writing)
        assert (done.returncode, done.stderr.count(b"\n")) == (status, 1), done.stderr
        assert is_wanted(folder, (folder / "out.ts").read_bytes())


def test_full_device_is_one_line(folder):
    done = scramble(folder, "in.ts", "/dev/full")
    assert (done.returncode, done.stderr) == (1, b"ringcast scramble: /dev/full: No space left on device\n")
    assert not (folder / "keys.json").exists()


def test_closed_standard_descriptors_are_nobodys_file(folder):
    before = names(folder)
    for source, target, closed in (("-", "out.ts", 0), ("in.ts", "-", 1)):
        command = f'exec "$@" {"<>"[closed]}&-'
        words = words_of(("scramble", source, target, *OPTIONS, "--keys-out", "keys.json"))
        done = subprocess.run(["sh", "-c", command, "sh", *words], cwd=folder, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (1, b"ringcast scramble: -: Bad file descriptor\n")
        assert names(folder) == before


def test_full_disk_while_spooling_is_one_line_and_leaves_nothing(folder):
    import resource

    before = names(folder)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # noqa: E731
    scrambled = (folder / "wanted.ts").read_bytes()
    done = run(folder, "descramble", "-", "out.ts", "--keys", "wanted.json", input=scrambled, preexec_fn=limit)
    assert done.returncode == 1
    assert b"temporary file in " in done.stderr.splitlines()[-1]
    assert b"File too large" in done.stderr.splitlines()[-1]
    assert names(folder) == before


def test_signal_while_spooling_leaves_nothing(folder):
    before = names(folder)
    words = words_of(("descramble", "-", "out.ts", "--keys", "wanted.json"))
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "copied to a temporary file" in process.stderr.readline()
    time.sleep(0.05)  # somewhere in the reading
    process.terminate()
    assert process.stderr.read() == "ringcast descramble: ended by SIGTERM\n"
    assert process.wait(60) == 143
    assert names(folder) == before


def test_signal_in_the_one_pass_leaves_nothing(folder):
    before = names(folder)
    words = words_of(("scramble", "-", "out.ts", *OPTIONS, "--keys-out", "keys.json"))
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(DATA * 12)  # more than a pipe holds: when it is written, most of it has been read
    process.terminate()
    assert process.stderr.read() == b"ringcast scramble: ended by SIGTERM\n"
    assert process.wait(60) == 143
    assert names(folder) == before


def test_input_that_is_the_output_is_refused_through_descriptors_too(folder):
    with open(folder / "in.ts", "rb") as file:
        done = scramble(folder, "-", "in.ts", stdin=file)
    assert (done.returncode, b"is the input itself" in done.stderr) == (1, True)
    assert (folder / "in.ts").read_bytes() == DATA


def test_names_that_stand_for_descriptors():
    assert [descriptor_of(name, 1) for name in ("-", "/dev/stdin", "/dev/fd/63", "/proc/self/fd/5", "a", "./-")] == [
        *(1, 0, 63, 5, None, None)
    ]
    assert [is_stream(name) for name in ("-", "/dev/null", "/tmp", "none")] == [True, True, False, False]


def test_terminal_is_no_source():
    ours, theirs = os.openpty()
    with pytest.raises(LocalError, match="is a terminal"):
        Source(f"/dev/fd/{theirs}").open()
    os.close(ours)
    os.close(theirs)
