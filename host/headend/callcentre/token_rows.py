"""A subscriber's tokens in the database. Within the caller's transaction, which has locked the subscriber's row."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from headend.callcentre.models import Subscriber, TokenDoubt
from headend.callcentre.tokens import Tokens


def read_tokens(connection: Connection, row: Row[Any]) -> Tokens:
    """Those of the subscriber whose row of `subscribers` this is."""
    doubt = connection.execute(
        select(TokenDoubt.displaced, TokenDoubt.unstored).where(TokenDoubt.subscriber_id == row.subscriber_id)
    ).one_or_none()
    kept = Tokens(row.token_old, row.token_pending)
    return kept if doubt is None else replace(kept, displaced=doubt.displaced, unstored=doubt.unstored)


def write_tokens(connection: Connection, subscriber_id: int, tokens: Tokens) -> None:
    """These take the place of what there was."""
    mine = Subscriber.subscriber_id == subscriber_id
    connection.execute(update(Subscriber).where(mine).values(token_old=tokens.old, token_pending=tokens.pending))
    connection.execute(delete(TokenDoubt).where(TokenDoubt.subscriber_id == subscriber_id))
    if tokens.displaced is not None or tokens.unstored:
        doubt = {"subscriber_id": subscriber_id, "displaced": tokens.displaced, "unstored": tokens.unstored}
        connection.execute(insert(TokenDoubt).values(**doubt))
