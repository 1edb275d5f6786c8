"""What a flash has to do: pure, from what is wanted and what the board says it has.

Ours on a board: everything below lib/settop, what MANIFEST names, and a file that is equal to one of ours. Any other
file or folder that is in the way of one of ours belongs to the user: it is kept under another name, and `erase` puts it
back.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from settop.errors import LocalError, RemoteError

from testbed.deploy.agent import PART, Stored, sha256

MANIFEST = "ringcast.files"
"""On the board: a line `SHA256 PATH` for every file of ours outside lib/settop, also of a flash that was cut short."""
PARKED = "ringcast.main"
"""main.py while a flash is under way: so that whatever stops the flash, the board comes up with a prompt."""
PACKAGE = "lib/settop"
MAIN = "main.py"
KEPT = ".kept"
_RUN = ("main", "boot")  # not imported
_HIDES = ("settop", "settop.py", "settop.mpy")
"""Would be imported before what is in lib/."""


@dataclass(frozen=True)
class Plan:
    """put: files to transfer, in this order, main.py not among them.

    main: its bytes where it must be transferred. parked: it lies under PARKED already, from a flash that was cut short.
    keep: files and folders of the user's to be renamed. clear: folders where files of the package have to be.
    manifest_during: names the old and the new files. needed_bytes: of free space, temporary copies included.
    """

    put: dict[str, bytes]
    main: bytes | None
    parked: bool
    remove: tuple[str, ...]
    keep: tuple[str, ...]
    clear: tuple[str, ...]
    manifest: bytes
    manifest_during: bytes
    needed_bytes: int

    @property
    def nothing(self) -> bool:
        """Whether the board has everything, and nothing else of ours."""
        return not (self.put or self.main is not None or self.parked or self.remove or self.keep or self.clear)

    @property
    def transfers(self) -> dict[str, bytes]:
        """Everything that goes over the cable, in order."""
        return self.put if self.main is None else {**self.put, MAIN: self.main}


def manifest_text(files: Mapping[str, str]) -> bytes:
    """{path: SHA-256} as the board's manifest."""
    return "".join(f"{files[path]} {path}\n" for path in sorted(files)).encode()


def read_manifest(data: bytes) -> set[tuple[str, str]]:
    """{(path, SHA-256)}; lines that are none are passed over, as the file may have been cut."""
    found = set()
    for line in data.decode("utf-8", "replace").splitlines():
        digest, _, path = line.partition(" ")
        if len(digest) == 64 and path and not path.startswith("/") and ".." not in path.split("/"):
            found.add((path, digest))
    return found


def paths_to_ask(wanted: Mapping[str, bytes], listed: set[tuple[str, str]]) -> list[str]:
    """The paths whose contents decide: ours, those that would be imported instead of ours, and leftovers."""
    outside = {path for path in (*wanted, *(path for path, _ in listed)) if not _in_package(path)}
    shadows = {path[:-4] + ".py" for path in outside if path.endswith(".mpy")}
    return [PACKAGE, *_HIDES, *sorted(outside | shadows | {PART, PARKED, MANIFEST})]


def places_to_ask(
    wanted: Mapping[str, bytes], listed: set[tuple[str, str]], storage: str
) -> tuple[list[str], list[str]]:
    """(paths where only a file may be, or nothing; paths where only a folder may be). storage: the keystore's folder.

    A folder `board` is imported before board.mpy, so it may not be there, either.
    """
    files = {path for path in paths_to_ask(wanted, listed) if path != PACKAGE} | set(wanted)
    files |= {path.rpartition(".")[0] for path in wanted if "/" not in path and path.rpartition(".")[0] not in _RUN}
    folders = {"/".join(path.split("/")[:n]) for path in wanted for n in range(1, path.count("/") + 1)}
    return sorted(files), sorted(folders | {storage})


def hashed(paths: Collection[str], blocked: Collection[str]) -> list[str]:
    """Those of `paths_to_ask` of which contents count: not of a folder of the user's."""
    return [path for path in paths if path not in blocked or path in _HIDES]


def make_plan(
    wanted: Mapping[str, bytes],
    has: Mapping[str, Stored],
    listed: set[tuple[str, str]],
    block_bytes: int,
    blocked: Collection[str] = (),
    port: str = "PORT",
) -> Plan:
    """What to do so that the board has `wanted` and nothing else of ours. `has`: its answer to `paths_to_ask`, without
    `blocked`: those of `places_to_ask` where something of the other kind is. port: for what is said to do.

    LocalError: files of the user's would hide the package.
    """
    files, folders = ([path for path in paths if path.split("/")[0] in _HIDES] for paths in (has, blocked))
    hiding = sorted(files) or folders
    if hiding:
        raise LocalError(
            f"/{hiding[0]} on the board would be imported instead of {PACKAGE}: remove it or give it another name "
            f"(mpremote connect {port} rm -r :{hiding[0].split('/')[0]}), then flash again"
        )
    want = {path: sha256(data) for path, data in wanted.items()}
    present = {path: stored for path, stored in has.items() if path not in (PART, MANIFEST, PARKED)}
    keep, remove = [path for path in sorted(blocked) if not _in_package(path)], list[str]()
    for path in sorted(present):
        if want.get(path) == present[path].sha256:
            continue
        if not (_in_package(path) or (path, present[path].sha256) in listed):
            keep.append(path)
        elif path not in want or path == MAIN:
            remove.append(path)
    change = {path: data for path, data in wanted.items() if path not in present or present[path].sha256 != want[path]}
    parked = MAIN in change and PARKED in has and has[PARKED].sha256 == want[MAIN]
    remove += [path for path in (PART, PARKED) if path in has and not (path == PARKED and parked)]
    main = change.pop(MAIN, None)
    if parked:
        main = None
    outside = {path: digest for path, digest in want.items() if not _in_package(path)}
    lines = {f"{digest} {path}\n" for path, digest in listed if path in present}
    lines |= {f"{digest} {path}\n" for path, digest in outside.items()}
    return Plan(
        put=dict(sorted(change.items())),
        main=main,
        parked=parked,
        remove=tuple(remove),
        keep=tuple(keep),
        clear=tuple(path for path in sorted(blocked) if _in_package(path) and path in wanted),
        manifest=manifest_text(outside),
        manifest_during="".join(sorted(lines)).encode(),
        needed_bytes=_needed(change if main is None else {**change, MAIN: main}, has, remove, block_bytes),
    )


def make_erasure(wanted: Mapping[str, bytes], has: Mapping[str, Stored], listed: set[tuple[str, str]]) -> list[str]:
    """The files to remove so that nothing of ours is left, main.py first and MANIFEST last.

    `wanted`: today's files, so that those are known which came by another way than a flash.
    """
    want = {path: sha256(data) for path, data in wanted.items()}
    gone = [
        path
        for path, stored in has.items()
        if _in_package(path)
        or (path, stored.sha256) in listed
        or want.get(path) == stored.sha256
        or path in (PART, PARKED, MANIFEST)
    ]
    return sorted(gone, key=lambda path: (path != MAIN, path == MANIFEST, path))


def check_room(plan: Plan, free_bytes: int) -> None:
    """Raises RemoteError where the board's file system has not enough room for the plan."""
    if plan.needed_bytes > free_bytes:
        raise RemoteError(
            f"the board's file system has {free_bytes // 1024} KiB free, and this needs {plan.needed_bytes // 1024} "
            "KiB: remove files of yours from it (mpremote ls, mpremote rm) and flash again"
        )


def _needed(transfers: Mapping[str, bytes], has: Mapping[str, Stored], remove: list[str], block_bytes: int) -> int:
    def blocks(size: int) -> int:
        return -(-max(1, size) // block_bytes)

    if not transfers:
        return 0
    growth = sum(blocks(len(data)) - (blocks(has[path].size) if path in has else 0) for path, data in transfers.items())
    growth -= sum(blocks(has[path].size) for path in remove if path not in transfers)
    folders = {"/".join(path.split("/")[:n]) for path in transfers for n in range(1, path.count("/") + 1)}
    new_folders = sum(not any(path.startswith(folder + "/") for path in has) for folder in folders)
    # While a file is replaced it is there twice; a folder is two blocks; some for the file system's own turnover.
    spare = max(blocks(len(data)) for data in transfers.values()) + 2 * new_folders + 4
    return max(0, growth + spare) * block_bytes


def _in_package(path: str) -> bool:
    return path.startswith(PACKAGE + "/")
