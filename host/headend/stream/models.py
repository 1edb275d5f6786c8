"""Tables of streams: what is sold by time, for how long and at which price, and the tokens that were sold.

Money in units, times in Unix ms. No token lies here, and none could be made from what does: `headend.stream.token_key`.
"""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from headend.accounts.models import Base


class StreamTitle(Base):
    """A title that a streaming server sends. `name`: in its address, `server`: what that begins with; `label`: what
    viewers read. `is_open`: it is sent to whoever asks, without a token. `withdrawn`: sold no more.
    """

    __tablename__ = "stream_titles"

    stream_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(200))
    server: Mapped[str] = mapped_column(String(200))
    is_open: Mapped[bool]
    added_ms: Mapped[int] = mapped_column(BigInteger)
    withdrawn: Mapped[bool]


class StreamLimit(Base):
    """For how long a token of a title is good, `holds_s` from its purchase on, and what it costs. Changed by none: what
    was sold refers to it.
    """

    __tablename__ = "stream_limits"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_valid"),
        CheckConstraint("holds_s > 0", name="holds_valid"),
    )

    limit_id: Mapped[int] = mapped_column(primary_key=True)
    stream_id: Mapped[int] = mapped_column(ForeignKey("stream_titles.stream_id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    holds_s: Mapped[int] = mapped_column(BigInteger)
    price: Mapped[int] = mapped_column(BigInteger)
    withdrawn: Mapped[bool]


class StreamGrant(Base):
    """The record of a token: its `number`, whose it is, by which time limit, until when. `transaction_id`: what paid
    for it; null where it was free.
    """

    __tablename__ = "stream_grants"

    number: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("shop_users.user_id"), index=True)
    limit_id: Mapped[int] = mapped_column(ForeignKey("stream_limits.limit_id"))
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey("shop_transactions.transaction_id"), unique=True)
    issued_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger)
