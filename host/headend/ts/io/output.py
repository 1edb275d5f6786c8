"""Second pass: packets are read, changed and written, in this process or shared out between forked ones.

Where each piece lands in the output is planned beforehand, so the workers need neither order nor each other. (Threads
do not help here: the work is thousands of short calls, each of which would wait for the interpreter lock.) What goes
into a pipe is written in order, by this process alone.
"""

import fcntl
import multiprocessing
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from settop.errors import LocalError
from settop.wire.transport import PACKET_BYTES

from headend.stopping import ignore_stop_signals, signals_held_back, undisturbed
from headend.ts.io.targets import refuse_same_file as refuse_same_file
from headend.ts.io.targets import replacing as replacing
from headend.ts.packets import CHUNK_PACKETS, Packets, TsFile
from headend.ts.signal.rewrite import Edits

_IOV_MAX = 512
# Linux looks for one run of memory per write: the larger, the fewer; but large runs are often dear to come by.
_WRITE_BYTES = 1 << 18
_FORK_FROM_PACKETS = 200_000  # below some 40 MB a second process costs more than it brings
_MAX_WORKERS = 4
_WORKER_LOST = "a worker process was killed; nothing was written, run again"
_QUEUED = 4  # batches ahead per worker: some 10 ms of work, longer than this process is off the processor at a time


class Splice(NamedTuple):
    """Before packet `row` of a batch write `packets` (whole packets), and leave that packet itself out or not."""

    row: int
    leaves_out: bool
    packets: bytes

    @property
    def growth(self) -> int:
        """By how many packets the output is longer for it."""
        return len(self.packets) // PACKET_BYTES - self.leaves_out


class Batch(NamedTuple):
    """`packets` packets of the input from packet `first` on, which land at packet `place` of the output."""

    first: int
    packets: int
    place: int
    splices: list[Splice]


Counts = npt.NDArray[np.int64]  # of whatever the work counts, shape (n,)
Work = Callable[[int, Packets], Counts]  # changes the packets (index of the first given) in place


def run_batches(
    source: TsFile,
    handle: int,
    batches: Iterable[Batch],
    work: Work,
    progress: Callable[[int, int], None] | None = None,
) -> Counts:
    """Carry out `batches` of at most CHUNK_PACKETS packets: read, `work`, splice, write to `handle`.

    Returns the sum of what `work` returned. Large files are shared between processes where the system can fork.
    """
    workers = min(_cpus(), _MAX_WORKERS)
    in_order = _takes_order_only(handle)
    alone = in_order or source.packets < _FORK_FROM_PACKETS or workers < 2
    if alone or "fork" not in multiprocessing.get_all_start_methods():
        worker = _Worker(source, handle, work, in_order)
        counted, done = np.zeros(1, np.int64), 0
        for batch in batches:
            counted = counted + worker.run(batch)
            done += batch.packets
            if progress:
                progress(done, source.packets)
        end = worker.end
    else:
        counted, end = _run_forked(source, handle, batches, work, workers, progress)
    if not in_order:
        os.lseek(handle, end * PACKET_BYTES, os.SEEK_SET)
    return counted


def _takes_order_only(handle: int) -> bool:
    """Whether `handle` takes what comes next and nothing else: no file, or one that is appended to."""
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        return True
    return bool(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_APPEND) or os.lseek(handle, 0, os.SEEK_CUR) != 0


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def put_in_place(chunk: Packets, splices: Iterable[Splice]) -> list[Splice]:
    """Carry out in `chunk` the splices that put one packet in another's place; returns the others."""
    rows, new, others = [], [], []
    for splice in splices:
        if splice.leaves_out and len(splice.packets) == PACKET_BYTES:
            rows.append(splice.row)
            new.append(splice.packets)
        else:
            others.append(splice)
    if rows:
        chunk[rows] = np.frombuffer(b"".join(new), np.uint8).reshape(-1, PACKET_BYTES)
    return others


class _Worker:
    def __init__(self, source: TsFile, handle: int, work: Work, in_order: bool = False) -> None:
        self._source = source
        self._in_order = in_order
        self._handle = handle
        self._work = work
        self._buffer = source.buffer(CHUNK_PACKETS)
        self.end = 0  # packets of output, up to the last batch that was run

    def run(self, batch: Batch) -> Counts:
        chunk = self._buffer[: batch.packets]
        self._source.read_at(batch.first, chunk)
        inserted = put_in_place(chunk, batch.splices)
        counted = self._work(batch.first, chunk)
        at = None if self._in_order else batch.place * PACKET_BYTES
        written = _write_at(self._handle, at, _pieces(chunk, inserted))
        self.end = max(self.end, batch.place + written // PACKET_BYTES)
        return counted


def _run_forked(
    source: TsFile,
    handle: int,
    batches: Iterable[Batch],
    work: Work,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[Counts, int]:
    """This process hands out batches, and works itself on every batch that finds the others busy."""
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    processes = []
    queued: dict[Connection, int] = {}
    counted, done, end = np.zeros(1, np.int64), 0, 0

    def note(more: Counts, packets: int, last: int) -> None:
        nonlocal counted, done, end
        counted = counted + more
        done += packets
        end = max(end, last)
        if progress:
            progress(done, source.packets)

    def collect(timeout: float | None) -> None:
        for pipe in wait(pipes, timeout):
            assert isinstance(pipe, Connection)
            try:
                answer = pipe.recv()
            except (EOFError, ConnectionResetError):
                raise LocalError(_WORKER_LOST) from None
            if isinstance(answer, Exception):
                raise answer
            queued[pipe] -= 1
            note(*answer)

    try:
        for _ in range(workers - 1):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, [*pipes, ours], source, handle, work), daemon=True)
            with undisturbed(), signals_held_back():
                process.start()
                processes.append(process)
                pipes.append(ours)
            theirs.close()
            queued[ours] = 0
        worker = _Worker(source, handle, work)
        for batch in batches:
            collect(0)
            free = min(pipes, key=queued.__getitem__)
            if queued[free] < _QUEUED:
                queued[free] += 1
                order = (batch.first, batch.packets, batch.place, [tuple(splice) for splice in batch.splices])
                try:
                    free.send(order)
                except BrokenPipeError:
                    raise LocalError(_WORKER_LOST) from None
            else:
                note(worker.run(batch), batch.packets, worker.end)
        while any(queued.values()):
            collect(None)
    except BaseException:
        for process in processes:
            process.kill()  # what it has written is given up, too
        raise
    finally:
        for pipe in pipes:
            pipe.close()  # a worker ends when its pipe does
        for process in processes:
            process.join()
    return counted, end


def _serve(pipe: Connection, others: list[Connection], source: TsFile, handle: int, work: Work) -> None:
    """A worker process: batches in; (count, packets done, end of output) or the exception out.

    It ends when its pipe does: also when the process that it works for was killed and could not say so.
    """
    ignore_stop_signals()
    for other in others:
        other.close()
    worker = _Worker(source, handle, work)
    while True:
        try:
            first, packets, place, splices = pipe.recv()  # plain tuples: named ones take five times longer to pickle
            batch = Batch(first, packets, place, [Splice(*splice) for splice in splices])
            try:
                answer: tuple[Counts, int, int] | Exception = (worker.run(batch), packets, worker.end)
            except Exception as error:
                answer = error
            pipe.send(answer)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _pieces(chunk: Packets, splices: Iterable[Splice]) -> Iterator[memoryview | bytes]:
    data = chunk.reshape(-1).data
    done = 0
    for splice in splices:
        if splice.row > done:
            yield data[done * PACKET_BYTES : splice.row * PACKET_BYTES]
        if splice.packets:
            yield splice.packets
        done = max(done, splice.row + splice.leaves_out)
    if done < len(chunk):
        yield data[done * PACKET_BYTES :]


def _write_at(handle: int, offset: int | None, pieces: Iterable[memoryview | bytes]) -> int:
    """Write `pieces` one after the other from `offset` on, None: at the end; returns the number of bytes."""
    end = offset or 0
    written = 0
    waiting: list[memoryview | bytes] = []
    for piece in pieces:
        left = memoryview(piece)
        while left:
            # Cut at multiples of _WRITE_BYTES in the file, where a page of memory begins.
            part = left[: _WRITE_BYTES - end % _WRITE_BYTES]
            waiting.append(part)
            left, end = left[len(part) :], end + len(part)
            if end % _WRITE_BYTES == 0 or len(waiting) == _IOV_MAX:
                written += _write_all(handle, None if offset is None else offset + written, waiting)
                waiting = []
    return written + _write_all(handle, None if offset is None else offset + written, waiting)


def _write_all(handle: int, offset: int | None, pieces: list[memoryview | bytes]) -> int:
    size = sum(map(len, pieces))
    if offset is None:
        written = os.writev(handle, pieces) if size else 0
    else:
        written = os.pwritev(handle, pieces, offset) if size else 0
    if written < size:  # a full disk raises on the next call; a signal may also cut a write short
        rest = b"".join(pieces)
        while written < size:
            left = rest[written:]
            written += os.write(handle, left) if offset is None else os.pwrite(handle, left, offset + written)
    return size


class EditCursor:
    """Hands out PSI edits batch by batch, with rising `first`."""

    def __init__(self, edits: Edits) -> None:
        self._edits = edits
        self._next = 0

    def take(self, first: int, count: int) -> list[Splice]:
        """The edits that fall on packets first..first+count-1, as splices."""
        splices = []
        at = self._edits.at
        while self._next < len(at) and at[self._next] < first + count:
            row, new = at[self._next] - first, self._edits.packets[self._next]
            self._next += 1
            splices.append(Splice(row, True, b"".join(new[:1])))
            if len(new) > 1:
                splices.append(Splice(row + 1, False, b"".join(new[1:])))
        return splices
