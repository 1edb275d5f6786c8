"""Notices of sellers by HTTP: 105 signed octets (docs/protocols/shop.md), as often as a seller likes."""

from typing import Annotated

from fastapi import APIRouter, Body

from headend.http.problems import documented
from headend.shop import notice
from headend.shop.web import schemas
from headend.shop.web.desk import At

KIND = "application/octet-stream"

router = APIRouter(prefix="/api", responses=documented(422, 503))


@router.post("/notices", tags=["sellers"], responses=documented(400, 404, 409))
def accept(
    desk: At,
    data: Annotated[bytes, Body(media_type=KIND, min_length=notice.BYTES, max_length=notice.BYTES)],
) -> schemas.Accepted:
    """An order of units is paid for: credits it once. The same notice again gets the same answer."""
    transaction, is_new = desk.shop.accept_notice(data, desk.now_ms())
    return schemas.Accepted(transaction=transaction, new=is_new)
