"""Alarms, tokens and revocation of the call's subscribers, and beside each sealed key the version of its master key.

Neither can SQLite add a column that refers to another table, nor PostgreSQL make a table while one of old has the names
of its constraints: what is there is copied without any, dropped and made anew, everywhere, so that there is one way to
have right.
"""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0003"
down_revision = "0002"

OLD = (
    *("deliveries", "charges", "calls", "allowed_programmes", "subscribers", "tariffs"),
    *("terminals", "accounts", "master_key_check"),
)
"""Those that refer to others first."""

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table(
    "master_key_check",
    METADATA,
    sa.Column("check_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary(24), nullable=False),
)
sa.Table(
    "accounts",
    METADATA,
    sa.Column("account_id", sa.Integer, primary_key=True),
    sa.Column("credit", sa.BigInteger),
    sa.Column("charged", sa.BigInteger, nullable=False),
    sa.CheckConstraint("credit IS NULL OR credit >= 0", name="credit_valid"),
    sa.CheckConstraint("charged >= 0", name="charged_valid"),
)
sa.Table(
    "terminals",
    METADATA,
    sa.Column("terminal_id", sa.LargeBinary(8), primary_key=True),
    sa.Column("sealed_key", sa.LargeBinary(48), nullable=False),
    sa.Column("key_version", sa.ForeignKey("master_key_check.check_id"), nullable=False, index=True),
    sa.Column("account_id", sa.ForeignKey("accounts.account_id"), nullable=False, index=True),
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
    sa.Column("terminal_id", sa.ForeignKey("terminals.terminal_id"), nullable=False, unique=True),
    sa.Column("tariff_id", sa.ForeignKey("tariffs.tariff_id"), nullable=False),
    sa.Column("every_programme", sa.Boolean, nullable=False),
    sa.Column("token_old", sa.LargeBinary(8)),
    sa.Column("token_pending", sa.LargeBinary(8)),
    sa.Column("clone_rule", sa.String(16), nullable=False, server_default="warn"),
    sa.Column("revoked_ms", sa.BigInteger),
    sa.CheckConstraint("clone_rule IN ('warn', 'deny', 'reprovision')", name="clone_rule_valid"),
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
sa.Table(
    "alarms",
    METADATA,
    sa.Column("alarm_id", sa.Integer, primary_key=True),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.subscriber_id"), nullable=False, index=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("text", sa.String(200), nullable=False),
)

NEW = ("key_version", "token_old", "token_pending", "clone_rule", "revoked_ms")
FIRST_VERSION = 1
"""Of the master key: the one that sealed the row of `master_key_check` that there was."""

COUNTED = {
    "accounts": "account_id",
    "tariffs": "tariff_id",
    "subscribers": "subscriber_id",
    "calls": "call_id",
    "charges": "charge_id",
}


def upgrade(op: Operations) -> None:
    for table in OLD:
        op.execute(f"CREATE TABLE {table}_0002 AS SELECT * FROM {table}")  # noqa: S608
    for table in OLD:
        op.drop_table(table)
    METADATA.create_all(op.get_bind(), checkfirst=False)
    for table in reversed(OLD):
        kept = ", ".join(c.name for c in METADATA.tables[table].columns if c.name not in NEW)
        more, values = (", key_version", f", {FIRST_VERSION}") if table == "terminals" else ("", "")
        op.execute(f"INSERT INTO {table} ({kept}{more}) SELECT {kept}{values} FROM {table}_0002")  # noqa: S608
    for table in OLD:
        op.drop_table(f"{table}_0002")
    if op.get_bind().dialect.name == "postgresql":
        # What was copied came with its numbers: the counters must go on behind them.
        for table, column in COUNTED.items():
            op.execute(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table}")  # noqa: S608
