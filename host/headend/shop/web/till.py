"""The other process by HTTP: whoever takes the money says here that an order is paid, and the shop is told.

What a payment is, and that it was made, is the cash desk's business: it shows a token that nobody else has.
"""

import hmac
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import Field
from settop.errors import LocalError
from settop.version import VERSION
from starlette.responses import Response

from headend.accounts.errors import LedgerError
from headend.http import problems
from headend.http.bodies import Bodies
from headend.http.problems import documented
from headend.shop.refusals import NO_SESSION, UNITS_LIMIT, Refused
from headend.shop.seller import Till
from headend.shop.web.app import report, wall_ms
from headend.shop.web.desk import refused, unavailable
from headend.shop.web.schemas import Asked, Told

AGAIN_S = 10.0
"""Notices that the shop has not answered go out again so often."""
SOLD_ALREADY = "sold-already"
TOLD, WAITING, REFUSED = "told", "waiting", "refused"
Tell = Callable[[bytes], str]
"""Brings a notice to the shop; TOLD, WAITING (try again) or REFUSED. Raises nothing."""

_log = logging.getLogger("ringcast.till")
_BEARER = HTTPBearer(auto_error=False, description="the cash desk's token")


class Paid(Asked):
    order: str = Field(pattern="^[0-9a-f]{32}$", description="the number that the user took at the shop")
    units: int = Field(ge=1, le=UNITS_LIMIT)


class Sale(Told):
    order: str = Field(pattern="^[0-9a-f]{32}$")
    units: int = Field(ge=1, le=UNITS_LIMIT)
    shop: str = Field(description="told: credited; waiting: the shop will hear of it; refused: it wants none of it")


class Seller:
    """A till and its way to the shop."""

    def __init__(self, till: Till, tell: Tell, now_ms: Callable[[], int]) -> None:
        self._till, self._tell, self._now_ms = till, tell, now_ms

    def sell(self, order: bytes, units: int) -> str:
        """An order was paid for: writes that down, then tells the shop; what came of it. Raises LocalError."""
        return self._bring(self._till.sell(order, units, self._now_ms()))

    def tell_again(self) -> int:
        """What the shop has not answered goes out again; how many still wait."""
        return sum(self._bring(notice) == WAITING for notice in self._till.waiting())

    def _bring(self, notice: bytes) -> str:
        answer = self._tell(notice)
        if answer != WAITING:
            self._till.told(notice, self._now_ms())
        return answer


def create_till(seller: Seller, token: str, again_s: float = AGAIN_S) -> FastAPI:
    """The application. token: the cash desk's."""
    over = threading.Event()

    def keep_telling() -> None:
        while not over.is_set():
            try:
                seller.tell_again()
            except LedgerError as error:
                _log.error("notices wait: %s", error)
            over.wait(again_s)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        thread = threading.Thread(target=keep_telling, name="notices", daemon=True)
        thread.start()
        yield
        over.set()

    def cash_desk(
        shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> None:
        said = "" if shown is None else shown.credentials
        if not hmac.compare_digest(said.encode("utf-8", "replace"), token.encode()):
            raise Refused(NO_SESSION)

    app = FastAPI(
        title="ringcast till", version=VERSION, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=running
    )

    @app.post("/api/sales", status_code=201, responses=documented(401, 409, 503))
    def sell(_: Annotated[None, Depends(cash_desk)], asked: Paid) -> Sale:
        """An order is paid for. Said again, it is told to the shop again, and credited once."""
        answer = seller.sell(bytes.fromhex(asked.order), asked.units)
        return Sale(order=asked.order, units=asked.units, shop=answer)

    async def sold_already(_: Request, error: Exception) -> Response:
        return problems.problem(SOLD_ALREADY, 409, str(error))

    problems.install(app, report)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(LocalError, sold_already)
    for kind in (LedgerError, OSError):
        app.add_exception_handler(kind, unavailable)
    app.add_middleware(Bodies, limit=4096, within_s=20.0)
    return problems.described(app)


__all__ = ("REFUSED", "TOLD", "WAITING", "Seller", "Tell", "create_till", "wall_ms")
