"""Digest and ETag of a file: of its octets, so that they are the same in every process and after a new packing."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from headend.http.ranged import file_answer

KEPT = 4096
_Place = tuple[str, int, int]
_known: OrderedDict[_Place, bytes] = OrderedDict()
_lock = threading.Lock()


def answered(request: Request, handle: int, name: str, kind: str, headers: Mapping[str, str]) -> Response:
    """An open file of this name or a part of it, by its ETag (headend.http.ranged). Takes the descriptor over."""
    try:
        etag = etag_of(handle, name)
    except BaseException:
        os.close(handle)
        raise
    return file_answer(request, handle, etag, kind, headers)


def etag_of(handle: int, name: str) -> str:
    """Strong, with its quotes. Raises as `digest_of`."""
    return f'"{digest_of(handle, name).hex()[:32]}"'


def digest_of(handle: int, name: str) -> bytes:
    """SHA-256 of an open file of this name, which is never written again once it has it. Read whole the first time.

    Raises OSError.
    """
    found = os.fstat(handle)
    place = (name, found.st_ino, found.st_size)
    with _lock:
        known = _known.get(place)
    if known is not None:
        return known
    digest = hashlib.sha256()
    at = 0
    while data := os.pread(handle, 1 << 20, at):
        digest.update(data)
        at += len(data)
    made = digest.digest()
    with _lock:
        _known[place] = made
        if len(_known) > KEPT:
            _known.popitem(last=False)
    return made
