"""The other process: sells units for money and tells the shop so. It has a database and a key of its own.

What was paid for is written down with its notice before anything is said; a notice waits there until the shop has
answered it, and may go out as often as it takes.
"""

import secrets

from settop.errors import LocalError
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from headend.accounts.engine import transaction
from headend.accounts.master_key import MasterKey
from headend.accounts.vault import Vault, shared_secret
from headend.shop import notice
from headend.shop.models import Sale

KEY_ID = b"shop seller seed"


class Till:
    """`seller_id`: the number that the shop has given. The key is drawn when its database is opened first."""

    def __init__(self, engine: Engine, master_key: MasterKey, seller_id: int = 0) -> None:
        self._engine = engine
        self._seller_id = seller_id
        self._seed = shared_secret(engine, Vault(engine, master_key), KEY_ID, secrets.token_bytes(notice.KEY_BYTES))

    def public_key(self) -> bytes:
        """What the shop must know of this seller."""
        return notice.public_key(self._seed)

    def sell(self, order_id: bytes, units: int, now_ms: int) -> bytes:
        """An order was paid for: its notice. Paid for again, the same one. Raises LocalError for another amount."""
        made = notice.sign(notice.Notice(self._seller_id, order_id, units, now_ms), self._seed)
        with transaction(self._engine) as connection:
            look = select(Sale.units, Sale.notice).where(Sale.order_id == order_id)
            found = connection.execute(look).one_or_none()
            if found is None:
                try:
                    connection.execute(insert(Sale).values(order_id=order_id, units=units, notice=made))
                except IntegrityError:
                    raise LocalError("this order is being paid for at this moment: ask again") from None
                return made
        if found.units != units:
            raise LocalError(f"this order was paid for with {found.units} units")
        return bytes(found.notice)

    def waiting(self) -> list[bytes]:
        """Notices that the shop has not answered, to be sent again."""
        with transaction(self._engine) as connection:
            return list(connection.scalars(select(Sale.notice).where(Sale.told_ms.is_(None)).order_by(Sale.order_id)))

    def told(self, data: bytes, now_ms: int) -> None:
        """The shop has answered this notice."""
        with transaction(self._engine) as connection:
            connection.execute(update(Sale).where(Sale.notice == data, Sale.told_ms.is_(None)).values(told_ms=now_ms))
