"""What a terminal on CPython is made of: its serial lines, its slot files, its flash."""

import errno
import io
from collections import deque
from collections.abc import Iterator
from typing import Any


class Line:
    """One direction into the firmware at 8N1: octets arrive one character time apart; a full buffer loses them."""

    def __init__(self, baud: int, buffer_bytes: int) -> None:
        self.lost = 0
        self._char_ns = 10_000_000_000 // baud
        self._buffer_bytes = buffer_bytes
        self._coming: deque[tuple[int, bytes]] = deque()  # (instant of the first octet, octets)
        self._free_ns = 0
        self._arrived = bytearray()

    def send(self, data: bytes, now_ns: int) -> None:
        start = max(now_ns, self._free_ns) + self._char_ns
        self._coming.append((start, data))
        self._free_ns = start + self._char_ns * (len(data) - 1)

    def advance(self, now_ns: int) -> None:
        while self._coming and self._coming[0][0] <= now_ns:
            start, data = self._coming.popleft()
            count = min(len(data), (now_ns - start) // self._char_ns + 1)
            room = self._buffer_bytes - len(self._arrived)
            self._arrived += data[: min(count, room)]
            self.lost += max(0, count - room)
            if count < len(data):
                self._coming.appendleft((start + count * self._char_ns, data[count:]))

    def next_ns(self) -> int | None:
        """When an octet is there, or will be."""
        if self._arrived:
            return 0
        return self._coming[0][0] if self._coming else None

    def any(self) -> int:
        return len(self._arrived)

    def readinto(self, view: memoryview) -> int:
        count = min(len(view), len(self._arrived))
        view[:count] = self._arrived[:count]
        del self._arrived[:count]
        return count


class Uart:
    """What the firmware sees: any(), readinto(), write()."""

    def __init__(self, line: Line, out: bytearray) -> None:
        self.any = line.any
        self.readinto = line.readinto
        self._out = out

    def write(self, data: Any) -> int:
        self._out += data
        return len(data)


class Files:
    """Slot files (settop.keystore.files) in a dictionary that outlives a power cut."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def read(self, path: str, limit: int) -> bytes | None:
        data = self._files.get(path)
        return None if data is None else data[:limit]

    def write(self, path: str, data: bytes) -> None:
        self._files[path] = bytes(data)

    def remove(self, path: str) -> None:
        self._files.pop(path, None)

    def names(self, folder: str) -> list[str]:
        return [path[len(folder) + 1 :] for path in self._files if path.startswith(folder + "/")]


class ModuleFiles:
    """Modules that came as updates (settop.updates.files) in the same dictionary."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self._path = ""

    def begin(self, path: str) -> None:
        self._path = path
        self._files[path] = b""

    def append(self, octets: Any) -> None:
        self._files[self._path] += bytes(octets)

    def close(self) -> None:
        self._path = ""

    def pieces(self, path: str, view: Any) -> Iterator[int]:
        data = self._files.get(path, b"")
        for at in range(0, len(data), len(view)):
            piece = data[at : at + len(view)]
            view[: len(piece)] = piece
            yield len(piece)

    def remove(self, path: str) -> None:
        self._files.pop(path, None)

    def names(self, folder: str) -> list[str]:
        return [path[len(folder) + 1 :] for path in self._files if path.startswith(folder + "/")]


class TitleFiles:
    """Titles that were downloaded (settop.titles.files) in the same dictionary."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def size(self, path: str) -> int | None:
        return len(self._files[path]) if path in self._files else None

    def append(self, path: str) -> "TitleFile":
        self._files.setdefault(path, b"")
        return TitleFile(self._files, path)

    def read(self, path: str) -> io.BytesIO:
        return io.BytesIO(self._files[path])

    def sync(self, file: "TitleFile") -> None:
        """There is nothing between a write and this flash."""

    def rename(self, path: str, other: str) -> None:
        self._files[other] = self._files.pop(path)

    def remove(self, path: str) -> None:
        del self._files[path]

    def names(self, folder: str) -> list[str]:
        return [path[len(folder) + 1 :] for path in self._files if path.startswith(folder + "/")]

    def free(self, folder: str) -> int | None:
        return None


class TitleFile:
    """A file that is written on at its end."""

    def __init__(self, files: dict[str, bytes], path: str) -> None:
        self._files = files
        self._path = path

    def write(self, view: Any) -> int:
        self._files[self._path] += bytes(view)
        return len(view)

    def __enter__(self) -> "TitleFile":
        return self

    def __exit__(self, *what: object) -> None:
        pass


class Copies:
    """A portable player's copies (settop.services.player.files) in the same dictionary."""

    ROOM = 1 << 20

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self._path = ""

    def names(self) -> list[str]:
        return [path.removeprefix("player/") for path in self._files if path.startswith("player/")]

    def size(self, name: str) -> int | None:
        data = self._files.get(f"player/{name}")
        return None if data is None else len(data)

    def free(self) -> int:
        return self.ROOM - sum(map(len, self._files.values()))

    def begin(self, name: str) -> None:
        self._path = f"player/{name}"
        self._files.setdefault(self._path, b"")

    def append(self, octets: Any) -> None:
        self._files[self._path] += bytes(octets)

    def sync(self) -> None:
        """It outlives a power cut anyway."""

    def close(self) -> None:
        self._path = ""

    def open(self, name: str, mode: str = "rb") -> io.BytesIO:
        data = self._files.get(f"player/{name}")
        if data is None:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return io.BytesIO(data)

    def remove(self, name: str) -> None:
        self._files.pop(f"player/{name}", None)


class Flash:
    """Four erase blocks in a bytearray that outlives a power cut: the face that settop.keystore.blocks wants."""

    block_bytes = 4096

    def __init__(self, content: bytearray) -> None:
        self._content = content

    def read(self, block: int, at: int, view: Any) -> None:
        start = block * self.block_bytes + at
        view[:] = self._content[start : start + len(view)]

    def program(self, block: int, at: int, data: Any) -> None:
        start = block * self.block_bytes + at
        for offset, octet in enumerate(data):
            self._content[start + offset] &= octet

    def erase(self, block: int) -> None:
        start = block * self.block_bytes
        self._content[start : start + self.block_bytes] = b"\xff" * self.block_bytes
