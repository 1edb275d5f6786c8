"""Streams that are sold by time: titles, their time limits, and the records of tokens."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0012"
down_revision = "0011"

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table("shop_users", METADATA, sa.Column("user_id", sa.Integer, primary_key=True))
sa.Table("shop_transactions", METADATA, sa.Column("transaction_id", sa.Integer, primary_key=True))
THERE = ("shop_users", "shop_transactions")
"""What the new tables refer to, as far as they do."""

sa.Table(
    "stream_titles",
    METADATA,
    sa.Column("stream_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("label", sa.String(200), nullable=False),
    sa.Column("server", sa.String(200), nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("added_ms", sa.BigInteger, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
)
sa.Table(
    "stream_limits",
    METADATA,
    sa.Column("limit_id", sa.Integer, primary_key=True),
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream_titles.stream_id"), nullable=False, index=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("holds_s", sa.BigInteger, nullable=False),
    sa.Column("price", sa.BigInteger, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.CheckConstraint("price >= 0", name="price_valid"),
    sa.CheckConstraint("holds_s > 0", name="holds_valid"),
)
sa.Table(
    "stream_grants",
    METADATA,
    sa.Column("number", sa.LargeBinary(8), primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_users.user_id"), nullable=False, index=True),
    sa.Column("limit_id", sa.Integer, sa.ForeignKey("stream_limits.limit_id"), nullable=False),
    sa.Column("transaction_id", sa.Integer, sa.ForeignKey("shop_transactions.transaction_id"), unique=True),
    sa.Column("issued_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
)


def upgrade(op: Operations) -> None:
    new = [table for table in METADATA.sorted_tables if table.name not in THERE]
    METADATA.create_all(op.get_bind(), tables=new, checkfirst=False)
