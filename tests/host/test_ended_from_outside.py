"""Commands that are ended from outside, or by a full disk, leave behind what was there before and nothing else."""

import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from headend import files as headend_files
from headend.files import Pending, together, write_file
from headend.stopping import STOP_SIGNALS, Stopped, stoppable
from settop.errors import LocalError

from tests.helpers.ts_builder import plain_stream

SECRET = "000102030405060708090a0b0c0d0e0f"
FORKING = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the module does where it is the program\n"
    "from headend.ts.io import output; output._FORK_FROM_PACKETS = 0; output._cpus = lambda: 3\n"
    "from testbed.cli import main; print('begun', flush=True); main()"
)
OLD = {"out.ts": b"older stream", "keys.json": b"older keys"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in.ts").write_bytes(plain_stream(1000, null_every=5).bytes() * 60)
    for name, data in OLD.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def scrambling(folder, out="out.ts", **options):
    """A `ringcast scramble` that forks, in a process group of its own."""
    words = ["scramble", folder / "in.ts", folder / out, "--portion-seconds", "1", "--programme-secret", SECRET]
    command = [sys.executable, "-c", FORKING, *map(str, words), "--keys-out", str(folder / "keys.json")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options
    )
    assert process.stdout.readline() == "begun\n"
    return process


def is_as_before(folder):
    names = sorted(path.name for path in folder.iterdir())
    return names == sorted(["in.ts", *OLD]) and all((folder / name).read_bytes() == data for name, data in OLD.items())


def group_is_gone(group, within_s=10.0):
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)  # for the system: there is nobody to wait for
    return False


def put_old_ones_back(folder):
    """Where one file is new both must be: then it was over."""
    if (folder / "out.ts").read_bytes() != OLD["out.ts"]:
        for name, data in OLD.items():
            assert (folder / name).read_bytes() != data
            (folder / name).write_bytes(data)


def run_time_s(folder):
    process = scrambling(folder)
    started = time.monotonic()
    assert process.communicate(timeout=60) and process.returncode == 0
    took_s = time.monotonic() - started
    put_old_ones_back(folder)
    return took_s


def test_signals_at_any_moment_leave_old_files_old_and_no_worker(folder):
    longest_s = run_time_s(folder)
    rng = random.Random(9)
    for trial in range(12):
        number = STOP_SIGNALS[trial % 3]
        to_group = trial % 2 == 0
        process = scrambling(folder)
        time.sleep(rng.uniform(0.0, 1.0) * longest_s)
        if process.poll() is None:
            (os.killpg if to_group else os.kill)(process.pid, number)
        _, said = process.communicate(timeout=30)
        assert process.returncode in (0, 128 + number, -number), said  # -number: before the command began
        assert said in ("", f"ringcast scramble: ended by {number.name}\n")
        put_old_ones_back(folder)
        assert is_as_before(folder)
        assert group_is_gone(process.pid)


def test_workers_and_half_files_go_with_a_killed_parent(folder):
    data = (folder / "in.ts").read_bytes()
    (folder / "in.ts").write_bytes(data * 6)  # long enough to be in the middle of it
    for _ in range(3):
        process = scrambling(folder)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not children.read_text():
            assert process.poll() is None
        process.kill()
        process.communicate(timeout=30)
        assert group_is_gone(process.pid)
        if hasattr(os, "O_TMPFILE"):
            assert is_as_before(folder)


def test_hang_up_is_ignored_where_it_was_ignored_before(folder):
    process = scrambling(folder, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    while process.poll() is None:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    assert process.returncode == 0, process.communicate()[1]


@pytest.mark.parametrize("limit", [100, 100_000, 5_000_000])
def test_full_disk_is_one_line_and_leaves_old_files_old(folder, limit):
    process = scrambling(folder, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.count("\n")) == (1, 1), said
    assert "out.ts: File too large" in said
    assert is_as_before(folder)


def test_disk_that_is_full_for_the_keys_gives_no_stream_either(folder, monkeypatch):
    write = os.write

    def full(handle, data):
        if len(data) < 50:
            raise OSError(28, "No space left on device")
        return write(handle, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left") as caught, together() as pair:
        keys, out = pair.open(folder / "keys.json", mode=0o600), pair.open(folder / "out.ts")
        os.pwrite(out.handle, b"new stream", 0)
        keys.write(b"k" * 400)
    assert caught.value.filename == str(folder / "keys.json")
    assert is_as_before(folder)


def test_signal_between_two_renames_waits_for_the_second(folder, monkeypatch):
    replace = os.replace

    def disturbed(*names):
        os.kill(os.getpid(), signal.SIGTERM)
        replace(*names)

    monkeypatch.setattr(os, "replace", disturbed)
    with pytest.raises(Stopped), stoppable(), together() as pair:
        pair.open(folder / "keys.json").write(b"new keys")
        pair.open(folder / "out.ts").write(b"new stream")
    assert (folder / "keys.json").read_bytes() == b"new keys"
    assert (folder / "out.ts").read_bytes() == b"new stream"
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("keys_before", [True, False])
@pytest.mark.parametrize("unnamed", [True, False])
def test_second_rename_that_fails_undoes_the_first(folder, monkeypatch, keys_before, unnamed):
    if not unnamed:
        monkeypatch.setattr(headend_files, "_open_unnamed", lambda *_: None)
    if not keys_before:
        (folder / "keys.json").unlink()
    with pytest.raises(OSError, match=r"out\.ts"), together() as pair:
        pair.open(folder / "keys.json").write(b"new keys")
        pair.open(folder / "out.ts").write(b"new stream")
        (folder / "out.ts").unlink()
        (folder / "out.ts").mkdir()  # something that a file cannot replace
    (folder / "out.ts").rmdir()
    assert sorted(path.name for path in folder.iterdir()) == ["in.ts", "keys.json"][: 1 + keys_before]
    assert not keys_before or (folder / "keys.json").read_bytes() == OLD["keys.json"]


def test_one_name_for_two_files_is_refused(folder):
    (folder / "link").symlink_to(folder / "out.ts")
    with pytest.raises(LocalError, match="are one file"), together() as pair:
        pair.open(folder / "out.ts")
        pair.open(folder / "link")


def test_named_temporaries_are_removed_as_well(folder, monkeypatch):
    monkeypatch.setattr(headend_files, "_open_unnamed", lambda *_: None)
    with pytest.raises(Stopped), stoppable(), together() as pair:
        pair.open(folder / "out.ts").write(b"half")
        assert len(list(folder.iterdir())) == 4
        os.kill(os.getpid(), signal.SIGHUP)
    assert is_as_before(folder)
    write_file(folder / "out.ts", b"whole")
    assert (folder / "out.ts").read_bytes() == b"whole"


@pytest.mark.parametrize("unnamed", [True, False])
def test_two_threads_that_write_one_file_leave_one_of_both_whole(folder, monkeypatch, unnamed):
    """At one instant each of their temporaries has a name."""
    if not unnamed:
        monkeypatch.setattr(headend_files, "_open_unnamed", lambda *_: None)
    both, take_name = threading.Barrier(2, timeout=30), Pending.take_name

    def together_then(pending, keep_old):
        both.wait()
        take_name(pending, keep_old)

    monkeypatch.setattr(Pending, "take_name", together_then)
    wanted = [bytes([65 + number]) * 100_000 for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write_file, folder / "out.ts", data) for data in wanted]:
            done.result(60)
    assert (folder / "out.ts").read_bytes() in wanted
    assert sorted(path.name for path in folder.iterdir()) == ["in.ts", "keys.json", "out.ts"]


def test_handlers_are_as_before_after_the_block():
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    with stoppable():
        assert [signal.getsignal(number) for number in STOP_SIGNALS] != before
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_burst_of_signals_does_not_disturb_the_putting_away():
    put_away = []
    with stoppable() as state:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Stopped as error:
            assert error.status == 143
            for number in STOP_SIGNALS:
                os.kill(os.getpid(), number)
                put_away.append(number)
    assert put_away == list(STOP_SIGNALS)
    assert state.status == 143


@pytest.mark.parametrize("lasts_s", (0, 0.3))
def test_a_signal_in_the_middle_of_an_import_is_not_forgotten(lasts_s):
    """Python drops what is raised in the callback of a module's lock; the program would go on as if nothing were."""
    source = "def cb(_):\n    os.kill(os.getpid(), signal.SIGTERM)\n    last()\n"
    names = {"os": os, "signal": signal, "last": lambda: time.sleep(lasts_s)}
    exec(compile(source, "<frozen importlib._bootstrap>", "exec"), names)  # noqa: S102
    lock = threading.Event()
    callback = weakref.ref(lock, names["cb"])
    with pytest.raises(Stopped), stoppable():
        del lock
        time.sleep(2)
    assert callback() is None
