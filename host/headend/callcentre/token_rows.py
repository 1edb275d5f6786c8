"""A subscriber's tokens in the database. Within the caller's transaction, which has locked the subscriber's row."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from headend.callcentre.models import Subscriber, TokenDoubt
from headend.callcentre.tokens import Tokens


def read_tokens(connection: Connection, row: Row[Any]) -> Tokens:
    """Those of the subscriber whose row of `subscribers` this is."""
    doubt = connection.execute(
        select(TokenDoubt.displaced).where(TokenDoubt.subscriber_id == row.subscriber_id)
    ).one_or_none()
    return Tokens(row.token_old, row.token_pending, None if doubt is None else doubt.displaced)


def write_tokens(connection: Connection, subscriber_id: int, tokens: Tokens) -> None:
    """These take the place of what there was."""
    mine = Subscriber.subscriber_id == subscriber_id
    connection.execute(update(Subscriber).where(mine).values(token_old=tokens.old, token_pending=tokens.pending))
    connection.execute(delete(TokenDoubt).where(TokenDoubt.subscriber_id == subscriber_id))
    if tokens.displaced is not None:
        doubt = {"subscriber_id": subscriber_id, "displaced": tokens.displaced, "unstored": False}
        connection.execute(insert(TokenDoubt).values(**doubt))
