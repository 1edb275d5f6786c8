"""The call centre's tables as they were before revisions were counted; a database without a count is of this one."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0001"
down_revision = None

# The driver named the constraints then: no naming convention.
METADATA = sa.MetaData()

sa.Table(
    "master_key_check",
    METADATA,
    sa.Column("check_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary(24), nullable=False),
)
sa.Table(
    "tariffs",
    METADATA,
    sa.Column("tariff_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("portion_price", sa.BigInteger, nullable=False),
    sa.Column("set_up_price", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(8), nullable=False),
    sa.CheckConstraint("portion_price >= 0 AND set_up_price >= 0", name="prices_valid"),
)
sa.Table(
    "subscribers",
    METADATA,
    sa.Column("subscriber_id", sa.Integer, primary_key=True),
    sa.Column("terminal_id", sa.LargeBinary(8), nullable=False, unique=True),
    sa.Column("sealed_key", sa.LargeBinary(48), nullable=False),
    sa.Column("tariff_id", sa.ForeignKey("tariffs.tariff_id"), nullable=False),
    sa.Column("every_programme", sa.Boolean, nullable=False),
    sa.Column("credit", sa.BigInteger),
    sa.CheckConstraint("credit IS NULL OR credit >= 0", name="credit_valid"),
)
sa.Table(
    "allowed_programmes",
    METADATA,
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.subscriber_id"), primary_key=True),
    sa.Column("programme_id", sa.BigInteger, primary_key=True, autoincrement=False),
)
sa.Table(
    "calls",
    METADATA,
    sa.Column("call_id", sa.Integer, primary_key=True),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.subscriber_id"), nullable=False, index=True),
    sa.Column("programme_id", sa.BigInteger, nullable=False),
    sa.Column("broadcast_id", sa.LargeBinary(8), nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("ended_ms", sa.BigInteger),
    sa.Column("reason", sa.String(120)),
    sa.Column("tariff", sa.String(64), nullable=False),
    sa.Column("portion_price", sa.BigInteger, nullable=False),
    sa.Column("set_up_price", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(8), nullable=False),
)
sa.Table(
    "deliveries",
    METADATA,
    sa.Column("call_id", sa.ForeignKey("calls.call_id"), primary_key=True),
    sa.Column("portion", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sent_ms", sa.BigInteger, nullable=False),
    sa.Column("acked_ms", sa.BigInteger),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("price", sa.BigInteger, nullable=False),
)
sa.Table(
    "charges",
    METADATA,
    sa.Column("charge_id", sa.Integer, primary_key=True),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.subscriber_id"), nullable=False),
    sa.Column("programme_id", sa.BigInteger, nullable=False),
    sa.Column("broadcast_id", sa.LargeBinary(8), nullable=False),
    sa.Column("portion", sa.BigInteger, nullable=False),
    sa.Column("call_id", sa.ForeignKey("calls.call_id"), nullable=False, index=True),
    sa.Column("price", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("subscriber_id", "programme_id", "broadcast_id", "portion"),
)


def upgrade(op: Operations) -> None:
    METADATA.create_all(op.get_bind(), checkfirst=False)
