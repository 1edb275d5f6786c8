"""What an image with settop frozen in says of itself: settop/inside.py, which its build adds and no file system has."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MODULE = "settop/inside.py"
STAMP = "lib/settop/inside.txt"
"""Beside an image, with files of its version: whose SOURCES they fit (`settop.beside`)."""


@dataclass(frozen=True)
class Inside:
    """services: whose files it holds. network: it is one with a network. sources: a hash of settop's files in it, so
    that none of another version are taken for their like.
    """

    services: tuple[str, ...]
    network: bool
    sources: str

    def module(self) -> bytes:
        """The module's text."""
        return f"SERVICES = {self.services!r}\nNETWORK = {self.network!r}\nSOURCES = {self.sources!r}\n".encode()


def inside_of(files: Mapping[str, bytes], services: Sequence[str], network: bool) -> Inside:
    """Of an image that holds these files and is to be told apart by what of settop is among them."""
    told = hashlib.sha256()
    for path in sorted(files):
        if path.startswith("settop/") and path != MODULE:
            told.update(path.encode() + b"\0" + hashlib.sha256(files[path]).digest())
    return Inside(tuple(services), network, told.hexdigest()[:16])
