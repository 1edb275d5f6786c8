"""Putting the package on a board and taking it off: what `ringcast flash` does, callable from Python.

The order makes it safe to pull the cable at any instant: main.py goes out of the way first and comes back last, every
file is hashed on the board before it gets its name, and the next flash starts from what the board says it has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from settop.errors import LocalError, RemoteError

from testbed.boards.compile import board_files
from testbed.boards.profile import CONFIG_NAMES, Board
from testbed.deploy.agent import PART, Agent, Stored, sha256
from testbed.deploy.errors import NO_SPACE, BoardRaised
from testbed.deploy.home import make_writable
from testbed.deploy.lock import lock_erasure, lock_question
from testbed.deploy.plan import (
    KEPT,
    MAIN,
    MANIFEST,
    PACKAGE,
    PARKED,
    Plan,
    check_room,
    hashed,
    make_erasure,
    make_plan,
    paths_to_ask,
    places_to_ask,
    read_manifest,
)
from testbed.deploy.probe import Found, check_board, check_compiled
from testbed.deploy.session import CONFIG, Session
from testbed.deploy.started import READY_S, BoardConsole, wait_ready
from testbed.formats import mismatch

AUTHORITY = "authority.der"
"""On the board: the certificate of whom its https believes (settop.services.network.kept)."""
BESIDE = (AUTHORITY,)
"""Data of ours that is no part of the program: like settings it stays on the board where nobody names it."""

Progress = Callable[[str, int, int], None]
"""progress(what, done_bytes, total_bytes)."""
OnReady = Callable[[BoardConsole, str], None]
"""on_ready(console, text of the `ready` line)."""


@dataclass(frozen=True)
class Report:
    """What a flash did, or (dry run) would do. ready: the board's own line after it started, "" when not awaited."""

    found: Found
    transferred: dict[str, int]
    """Path to size, in order."""
    removed: tuple[str, ...]
    kept: dict[str, str]
    """Files and folders of the user's that were in the way: old to new name."""
    unchanged: int
    ready: str = ""
    config: dict[str, object] = field(default_factory=dict)

    @property
    def transferred_bytes(self) -> int:
        return sum(self.transferred.values())


def terminal_files(
    board: Board,
    config: Mapping[str, object] | None,
    extra_files: Mapping[str, bytes] | None = None,
    board_py: bytes | None = None,
    found: Found | None = None,
) -> dict[str, bytes]:
    """The files as they go on the board, compiled: those that the services which it starts need.

    extra_files: further sources or data; board_py: another board.py. found: what the board says of itself; where its
    image has settop inside, nothing goes beside that but settings and what of settop the image lacks. RemoteError:
    that would be of another version.
    """
    sources = board.files(config, {**(extra_files or {}), **({} if board_py is None else {"board.py": board_py})})
    if found is not None and found.frozen:
        sources = {path: data for path, data in sources.items() if path == CONFIG} | _beside(board, found, sources)
    return _compiled(board, sources)


def _beside(board: Board, found: Found, sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """What of settop an image lacks. One from before it told what it holds has all of its time inside."""
    if found.inside is None:
        return {}
    ours = {path: data for path, data in sources.items() if path.startswith(PACKAGE + "/")}
    lacking = board.beside_frozen(ours, found.inside)
    if lacking and found.inside != board.inside(found.inside.network, found.inside.services):
        raise RemoteError(
            "the board's services need what its image does not hold, and that is of another version than the settop "
            f"here: put a new image on it (./ringcast firmware --board {board.name}), then flash again"
        )
    return lacking


def _compiled(board: Board, sources: dict[str, bytes]) -> dict[str, bytes]:
    plain = {CONFIG: sources.pop(CONFIG)} if CONFIG in sources else {}  # stays a line that a user can read
    return {**board_files(sources, board.mpy_arch), **plain}


def flash_board(
    port: str,
    board: Board,
    config: Mapping[str, object] | None = None,
    *,
    progress: Progress | None = None,
    extra_files: Mapping[str, bytes] | None = None,
    board_py: bytes | None = None,
    beside: Mapping[str, bytes] | None = None,
    keep_config: bool = False,
    dry_run: bool = False,
    ready_s: float = READY_S,
    on_ready: OnReady | None = None,
) -> Report:
    """Make the board at `port` run this terminal; transfers what differs and starts it.

    config: what board_config.py sets; None or empty: there will be none. beside: files of BESIDE. keep_config: what the
    board's own config sets and `config` does not, stays, and so do files of BESIDE that a flash put there. The services
    that these name decide which files there are. ready_s: how long to wait for the board's `ready` line, 0 for not at
    all. on_ready: called after that line, with the running terminal's console. Raises PortError, LocalError for another
    board than `board`, RemoteError where the board cannot or does not take it; every message says what to do next.

    On an image that has the terminal inside (`ringcast firmware`) board_config.py goes beside it, and files of the
    services that it has not inside.
    """
    files = terminal_files(board, config, extra_files, board_py)
    settings = dict(config or {})
    with Session(port, board) as it:
        agent, found = it.agent, it.found
        check_board(found, board)
        if keep_config:
            both = {**it.settings, **settings}
            settings = {name: both[name] for name in CONFIG_NAMES if name in both}
        if keep_config or found.frozen:
            files = terminal_files(board, settings, extra_files, board_py, found)
        check_compiled(found, files)
        listed = _listed(agent)
        if keep_config:
            files.update((path, agent.read(path)) for path, _ in listed if path in BESIDE and agent.kind(path) == "f")
        files.update(beside or {})
        blocked = agent.blocked(*places_to_ask(files, listed, board.storage))
        has = agent.inventory(hashed(paths_to_ask(files, listed), blocked))
        plan = make_plan(files, has, listed, found.block_bytes, blocked, port)
        check_room(plan, found.free_bytes)
        kept = {path: _free_name(agent, path) for path in plan.keep}
        if not (dry_run or _has_all(plan, has)):
            make_writable(agent, it.home)
            _obey(agent, plan, files, has, kept, progress or (lambda what, done, total: None))
        ready = ""
        if ready_s and not dry_run:
            console = it.start(str(settings.get("LINK", board.link)))
            ready = wait_ready(it.port, console, ready_s)
            problem = mismatch(ready, found.frozen)  # an image of its own, or other files that come before ours
            if problem is not None:
                raise RemoteError(problem)
            if on_ready is not None:
                on_ready(console, ready)
    return Report(
        found=found,
        transferred={path: len(data) for path, data in plan.transfers.items()},
        removed=plan.remove,
        kept=kept,
        unchanged=len(files) - len(plan.transfers),
        ready=ready,
        config=settings,
    )


@dataclass(frozen=True)
class Erased:
    """What an erasure took off, or (dry run) would. lock: whether there were lock keys or a counter. back: files of
    the user's that a flash had renamed: from, to."""

    files: tuple[str, ...]
    keys: tuple[str, ...]
    lock: bool
    back: dict[str, str]


def erase_board(port: str, board: Board, *, progress: Progress | None = None, dry_run: bool = False) -> Erased:
    """Take everything of ours off the board: program, keystore, lock keys and counter. Raises as `flash_board`."""
    tell = progress or (lambda what, done, total: None)
    files = _compiled(board, board.whole_files())  # another flash's services may have brought any of them
    with Session(port, board) as it:
        agent = it.agent
        check_board(it.found, board)
        listed = _listed(agent)
        paths, (only_files, only_folders) = paths_to_ask(files, listed), places_to_ask(files, listed, board.storage)
        blocked = agent.blocked(only_files, only_folders)
        has = agent.inventory(hashed(paths, blocked))
        gone = make_erasure(files, has, listed)
        keys = sorted(path for path in agent.inventory([board.storage]) if path.endswith((".a", ".b")))
        locked = agent.value(lock_question(board))
        names = sorted({*paths, *only_files, *only_folders} - {*blocked})
        kept = [path + KEPT for path in names if path in gone or path not in has]
        back = {path: path.removesuffix(KEPT) for path in sorted(agent.blocked(kept, kept))}
        if not dry_run and (gone or keys or locked or back):
            make_writable(agent, it.home)
            # main.py first: without it nothing of ours runs, wherever this is cut short. The manifest last.
            first, rest = gone[: gone.count(MAIN)], gone[gone.count(MAIN) :]
            order = [*first, *keys, *rest]
            for done, path in enumerate(order):
                tell(path, done, len(order))
                agent.remove(path)
            if locked and agent.value(lock_erasure(board), 30.0):
                raise RemoteError("the lock keys do not go away: the flash is worn or failing; destroy the board")
            left = list(agent.inventory([*gone, *keys]))
            if left:
                raise RemoteError(f"{left[0]} is still on the board: erase again, or put a new image on it")
            # What else is in lib, say, has the name that a file of the user's had.
            back = {old: new for old, new in back.items() if not agent.kind(new)}
            for old, new in back.items():
                agent.move(old, new)
    return Erased(tuple(gone), tuple(keys), bool(locked), back)


def _listed(agent: Agent) -> set[tuple[str, str]]:
    return read_manifest(agent.read(MANIFEST)) if agent.kind(MANIFEST) == "f" else set()


def _free_name(agent: Agent, path: str) -> str:
    for number in range(1, 100):
        name = path + KEPT + (str(number) if number > 1 else "")
        if not agent.kind(name):
            return name
    raise LocalError(f"there are too many {path}{KEPT} files on the board: remove some")


def _manifest(has: Mapping[str, Stored]) -> str:
    """The manifest's hash on the board."""
    return has[MANIFEST].sha256 if MANIFEST in has else ""


def _has_all(plan: Plan, has: Mapping[str, Stored]) -> bool:
    return plan.nothing and _manifest(has) == sha256(plan.manifest)


def _obey(
    agent: Agent, plan: Plan, files: dict[str, bytes], has: Mapping[str, Stored], kept: dict[str, str], tell: Progress
) -> None:
    total = sum(map(len, plan.transfers.values()))
    done = 0

    def put(path: str, data: bytes) -> None:
        nonlocal done

        def told(count: int) -> None:
            nonlocal done
            done += count
            tell(path, done, total)

        agent.put(path, data, told)

    try:
        for path in (PART, MANIFEST, PARKED):  # folders of these names: nothing can be put before they are gone
            if path in kept:
                agent.move(path, kept[path])
        if _manifest(has) != sha256(plan.manifest_during):
            agent.put(MANIFEST, plan.manifest_during)
        if MAIN in kept:
            agent.move(MAIN, kept[MAIN])
        elif MAIN in plan.remove:
            agent.remove(MAIN)
        elif MAIN in has and not plan.nothing:
            agent.move(MAIN, PARKED)
        for path in plan.remove:
            if path != MAIN:
                agent.remove(path)
        for old, new in kept.items():
            if old not in (MAIN, PART, MANIFEST, PARKED):
                agent.move(old, new)
        for path in plan.clear:
            agent.clear(path)
        for path, data in plan.put.items():
            put(path, data)
        tell("checking", done, total)
        _verify(agent, {path: data for path, data in files.items() if path != MAIN})
        if plan.main is not None:
            put(MAIN, plan.main)
        elif agent.kind(PARKED):
            agent.move(PARKED, MAIN)
        if plan.manifest != plan.manifest_during:
            agent.put(MANIFEST, plan.manifest)
        _verify(agent, {path: data for path, data in files.items() if path == MAIN})
    except BoardRaised as error:
        if error.errno == NO_SPACE:
            raise RemoteError(
                "the board's file system is full before everything is on it: remove files of yours from it "
                "(mpremote ls, mpremote rm) and flash again; until then the board starts with a prompt"
            ) from None
        raise


def _verify(agent: Agent, files: dict[str, bytes]) -> None:
    """Asks the board for the hash of every file. RemoteError where one is not what it must be."""
    stored = agent.inventory(sorted({PACKAGE if path.startswith(PACKAGE + "/") else path for path in files}))
    for path, data in files.items():
        if path not in stored or stored[path].sha256 != sha256(data):
            raise RemoteError(f"{path} on the board is not what was put there: flash again, then try another board")
