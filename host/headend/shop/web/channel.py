"""Terminals by HTTP: the sealed channel (docs/protocols/shop-channel.md), and copies where it says they are.

A copy's path has a token that its buyer alone is told: nobody else learns what there is, or has anything packed. A
codec unit's path has its digest: it is signed, and no secret.
"""

import hashlib
import hmac
import os
import tempfile
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request, Response

from headend.accounts.master_key import MasterKey
from headend.http.problems import documented
from headend.http.ranged import file_answer
from headend.shop.buying import Bought
from headend.shop.channel import Channel
from headend.shop.channel_requests import Content, DeviceKey
from headend.shop.core import Shop
from headend.shop.delivering import Shelf
from headend.shop.refusals import NO_RIGHT, NUMBER_LIMIT, Refused
from headend.shop.web import schemas
from headend.shop.web.desk import At
from headend.shop.web.etags import digest_of
from headend.shop.web.notices import KIND
from headend.shop.web.titles import FILE, file_of, opened

TOKEN_BYTES = 16
_OCTETS = {"type": "string", "format": "binary"}
_UNIT: dict[int | str, dict[str, Any]] = {
    200: {"description": "the whole", "content": {KIND: {"schema": _OCTETS}}},
    206: {"description": "a range of it", "content": {KIND: {"schema": _OCTETS}}},
    304: {"description": "what is named by If-None-Match"},
}
_CONTEXT = b"ringcast shop copy"


def router_of(shop: Shop, shelf: Shelf, master_key: MasterKey, device_key: DeviceKey) -> APIRouter:
    """What `headend.shop.web.app.create_app` has not: its shop's channel. device_key: whose terminals may register."""

    def locate(bought: Bought, user: int) -> Content:
        handle, name = opened(lambda: shelf.copy_of(shop.engine, bought, user))
        try:
            digest, size = digest_of(handle, name), os.fstat(handle).st_size
        finally:
            os.close(handle)
        return Content(f"/copies/{user}/{bought.title}/{copy_token(bought, user).hex()}", size, digest)

    channel = Channel(shop, master_key, device_key, locate)
    router = APIRouter(responses=documented(422, 503), tags=["terminals"])

    @router.post(
        "/channel",
        response_class=Response,
        responses={200: {"description": "an answer to each", "content": {KIND: {"schema": _OCTETS}}}},
    )
    def channel_message(desk: At, data: Annotated[bytes, Body(media_type=KIND)]) -> Response:
        """A terminal's message. What is not genuine has an answer of its own, too."""
        return Response(channel.answer(data, desk.now_ms()), media_type=KIND)

    @router.get(
        "/copies/{user}/{title}/{token}",
        response_class=Response,
        responses={**FILE, **documented(403, 416)},
    )
    def channel_copy(desk: At, request: Request, user: Buyer, title: schemas.Title, token: Token) -> Response:
        """A buyer's copy, encrypted, by the path that the channel told."""
        bought = shop.right(user, title)
        if not hmac.compare_digest(copy_token(bought, user), bytes.fromhex(token)):
            raise Refused(NO_RIGHT)
        return file_of(request, lambda: shelf.copy_of(shop.engine, bought, user), {})

    @router.get(
        "/codecs/{digest}",
        response_class=Response,
        responses={**_UNIT, **documented(404, 416)},
    )
    def channel_codec(request: Request, digest: Digest) -> Response:
        """A codec's signed unit, by the path that the channel told."""
        octets = shop.codec_octets(bytes.fromhex(digest))
        with tempfile.TemporaryFile() as file:
            file.write(octets)
            file.flush()
            return file_answer(request, os.dup(file.fileno()), f'"{digest[:32]}"', KIND, {})

    return router


Buyer = Annotated[int, Path(ge=1, le=NUMBER_LIMIT, description="a user's number")]
Token = Annotated[str, Path(description="what the channel told", pattern=f"^[0-9a-f]{{{2 * TOKEN_BYTES}}}$")]
Digest = Annotated[str, Path(description="its SHA-256", pattern="^[0-9a-f]{64}$")]


def copy_token(bought: Bought, user: int) -> bytes:
    """What the path of the copy of that user has."""
    what = _CONTEXT + user.to_bytes(8, "big") + bought.title.to_bytes(8, "big")
    return hmac.digest(bought.key, what, hashlib.sha256)[:TOKEN_BYTES]
