"""What is not true any more of a database that was restored from a backup."""

from sqlalchemy import Engine, delete, func, select, update

from headend.accounts.engine import transaction
from headend.callcentre.models import Call, Delivery, Subscriber, TokenDoubt

RESTORED = "the database was restored"


def settle_restored(engine: Engine) -> int:
    """Ends the calls that were under way and forgets the tokens; how many calls.

    The terminals have rolled their tokens since: each honest one would be taken for a clone.
    """
    last = select(func.max(Delivery.sent_ms)).where(Delivery.call_id == Call.call_id).scalar_subquery()
    with transaction(engine) as connection:
        connection.execute(update(Subscriber).values(token_old=None, token_pending=None))
        connection.execute(delete(TokenDoubt))
        ended = connection.execute(
            update(Call)
            .where(Call.ended_ms.is_(None))
            .values(ended_ms=func.coalesce(last, Call.started_ms), reason=RESTORED)
        )
    return ended.rowcount
