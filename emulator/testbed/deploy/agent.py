"""The board's side of a flash: a few functions that the raw REPL is told, and what they are asked.

Paths are relative to the board's home, which is where its main.py lies ("/" on a Pico, "/flash" on a pyboard): it is
made the working folder for as long as we ask (`testbed.deploy.home`). A file comes as PART, is hashed there, and gets
its name only if the hash is right.
"""

import ast
import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from settop.errors import RemoteError

from testbed.deploy.errors import BoardRaised
from testbed.deploy.port import BoardPort

PART = "ringcast.part"
CHUNK_BYTES = 3072
"""Of a file in one command: base64 makes 4 KB of it, which the smallest board's heap takes in one piece."""

_FUNCTIONS = """\
import os, sys, hashlib, binascii
_rc_b = bytearray(2048)
def _rc_hash(p):
 h = hashlib.sha256()
 m = memoryview(_rc_b)
 n = 0
 with open(p, 'rb') as f:
  while True:
   k = f.readinto(_rc_b)
   if not k:
    break
   n += k
   h.update(m[:k])
 return n, binascii.hexlify(h.digest()).decode()
def _rc_kind(p):
 try:
  return 'd' if os.stat(p)[0] & 0x4000 else 'f'
 except OSError:
  return ''
def _rc_walk(p, d):
 if d:
  for e in list(os.ilistdir(p)):
   _rc_walk(p + '/' + e[0], e[1] & 0x4000)
 else:
  print(repr((p,) + _rc_hash(p)))
def _rc_blocked(files, folders):
 for l, k in ((files, 'd'), (folders, 'f')):
  for p in l:
   if _rc_kind(p) == k:
    print(repr((p, k)))
def _rc_clear(p):
 for e in list(os.ilistdir(p)):
  q = p + '/' + e[0]
  if e[1] & 0x4000:
   _rc_clear(q)
  else:
   os.remove(q)
 os.rmdir(p)
def _rc_all(l):
 for p in l:
  k = _rc_kind(p)
  if k:
   _rc_walk(p, k == 'd')
def _rc_prune(p):
 while p:
  try:
   os.rmdir(p)
  except OSError:
   return
  p = p.rsplit('/', 1)[0] if '/' in p else ''
def _rc_folder(p):
 for i, c in enumerate(p):
  if c == '/' and not _rc_kind(p[:i]):
   os.mkdir(p[:i])
def _rc_move(a, b):
 _rc_folder(b)
 os.rename(a, b)
 if hasattr(os, 'sync'):
  os.sync()
def _rc_begin():
 global _rc_f
 _rc_f = open('ringcast.part', 'wb')
def _rc_w(s):
 d = binascii.a2b_base64(s)
 if _rc_f.write(d) != len(d):
  raise OSError(28)
def _rc_end(p, h):
 _rc_f.close()
 s = _rc_hash('ringcast.part')[1]
 if s == h:
  _rc_move('ringcast.part', p)
 print(s)
"""


@dataclass(frozen=True)
class Stored:
    """A file on the board: its size and the SHA-256 that the board computed, as hex."""

    size: int
    sha256: str


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Agent:
    """Questions to a board in the raw REPL. All raise what `BoardPort.ask` does."""

    def __init__(self, port: BoardPort) -> None:
        self._port = port
        port.ask(_FUNCTIONS)

    def value(self, code: str, answer_s: float = 10.0) -> Any:
        """Run `code`, which prints one literal."""
        return _literal(self._port.ask(code, answer_s))

    def inventory(self, paths: Iterable[str]) -> dict[str, Stored]:
        """What is at these paths, folders with all that is in them. Missing ones are left out."""
        found: dict[str, Stored] = {}
        for line in self._port.ask(f"_rc_all({list(paths)!r})", 60.0).splitlines():
            name, size, digest = _literal(line)
            found[name] = Stored(size, digest)
        return found

    def blocked(self, files: Iterable[str], folders: Iterable[str]) -> dict[str, str]:
        """Which of these files is a folder there ("d"), and which of these folders a file ("f")."""
        code = f"_rc_blocked({list(files)!r}, {list(folders)!r})"
        return dict(_literal(line) for line in self._port.ask(code, 30.0).splitlines())

    def kind(self, path: str) -> str:
        """ "f", "d", or "" where nothing is."""
        return str(self.value(f"print(repr(_rc_kind({path!r})))"))

    def read(self, path: str, limit: int = 65_536) -> bytes:
        """A file's bytes."""
        code = (
            f"with open({path!r}, 'rb') as f:\n while True:\n  b = f.read(600)\n  if not b:\n   break\n"
            "  print(binascii.b2a_base64(b).decode(), end='')"
        )
        text = self._about(path, code)
        return b"".join(base64.b64decode(line) for line in text.split())[:limit]

    def put(self, path: str, data: bytes, told: Callable[[int], None] = lambda count: None) -> None:
        """Write a file; under its name there is the old one or the new one, whole, at every instant.

        `told(count)` gets the bytes of each piece as it is written. RemoteError: the board's hash of what it stored
        is another.
        """
        begin = "_rc_begin()\n"
        for at in range(0, max(1, len(data)), CHUNK_BYTES):
            piece = data[at : at + CHUNK_BYTES]
            code = begin + f"_rc_w('{base64.b64encode(piece).decode()}')"
            begin = ""
            if at + CHUNK_BYTES < len(data):
                self._about(path, code, 30.0)
            else:
                said = self._about(path, f"{code}\n_rc_end({path!r}, '{sha256(data)}')", 60.0).strip()
                if said != sha256(data):
                    raise RemoteError(
                        f"{path} did not read back as it was written: the flash is worn or failing; try again, "
                        "then with another board"
                    )
            told(len(piece))

    def move(self, old: str, new: str) -> None:
        """Rename a file or a folder; a file at `new` is replaced, its folders are made."""
        self._about(old, f"_rc_move({old!r}, {new!r})")

    def remove(self, path: str) -> None:
        """Delete a file, and the folders that it leaves empty."""
        self._about(path, f"os.remove({path!r})\n_rc_prune({path.rpartition('/')[0]!r})")

    def clear(self, path: str) -> None:
        """Delete a folder with all that is in it, if it is there."""
        self._about(path, f"if _rc_kind({path!r}) == 'd':\n _rc_clear({path!r})", 60.0)

    def _about(self, path: str, code: str, answer_s: float = 10.0) -> str:
        """Like `BoardPort.ask`; the path is in the message of what goes wrong on the board."""
        try:
            return self._port.ask(code, answer_s)
        except BoardRaised as error:
            raise BoardRaised(error.line, error.errno, path if path.startswith("/") else "/" + path) from None


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        raise RemoteError("the board's answer is not understood: say the same again") from None
