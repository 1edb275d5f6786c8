"""The shop, and secrets of any system (`sealed_secrets`)."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0005"
down_revision = "0004"

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
)
sa.Table("accounts", METADATA, sa.Column("account_id", sa.Integer, primary_key=True))
THERE = ("master_key_check", "accounts")
"""What the new tables refer to, as far as they do."""

sa.Table(
    "shop_failures",
    METADATA,
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Column("last_ms", sa.BigInteger, nullable=False, index=True),
)
sa.Table(
    "shop_sales",
    METADATA,
    sa.Column("order_id", sa.LargeBinary(16), primary_key=True),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("notice", sa.LargeBinary(128), nullable=False),
    sa.Column("told_ms", sa.BigInteger, index=True),
)
sa.Table(
    "shop_sellers",
    METADATA,
    sa.Column("seller_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("public_key", sa.LargeBinary(32), nullable=False),
    sa.Column("revoked_ms", sa.BigInteger),
)
sa.Table(
    "sealed_secrets",
    METADATA,
    sa.Column("secret_id", sa.LargeBinary(16), primary_key=True),
    sa.Column("sealed", sa.LargeBinary(88), nullable=False),
    sa.Column("key_version", sa.Integer, sa.ForeignKey("master_key_check.check_id"), nullable=False, index=True),
)
sa.Table(
    "shop_users",
    METADATA,
    sa.Column("user_id", sa.Integer, primary_key=True),
    sa.Column("login", sa.String(64), nullable=False, unique=True),
    sa.Column("password", sa.String(200), nullable=False),
    sa.Column("account_id", sa.Integer, sa.ForeignKey("accounts.account_id"), nullable=False, unique=True),
    sa.Column("made_ms", sa.BigInteger, nullable=False),
)
sa.Table(
    "shop_clients",
    METADATA,
    sa.Column("client_id", sa.LargeBinary(8), primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_users.user_id"), index=True),
    sa.Column("key_id", sa.LargeBinary(16), sa.ForeignKey("sealed_secrets.secret_id"), nullable=False, unique=True),
    sa.Column("key_number", sa.Integer, nullable=False),
    sa.Column("key_since_ms", sa.BigInteger, nullable=False),
    sa.Column("next_key_id", sa.LargeBinary(16), sa.ForeignKey("sealed_secrets.secret_id"), unique=True),
    sa.Column("removed_ms", sa.BigInteger),
)
sa.Table(
    "shop_groups",
    METADATA,
    sa.Column("group_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("price", sa.BigInteger, nullable=False),
    sa.Column("key_id", sa.LargeBinary(16), sa.ForeignKey("sealed_secrets.secret_id"), unique=True),
    sa.CheckConstraint("price >= 0", name="price_valid"),
)
sa.Table(
    "shop_transactions",
    METADATA,
    sa.Column("transaction_id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_users.user_id"), nullable=False, index=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("note", sa.String(200), nullable=False),
    sa.Column("reverses", sa.Integer, sa.ForeignKey("shop_transactions.transaction_id"), unique=True),
)
sa.Table(
    "shop_cards",
    METADATA,
    sa.Column("card_id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.LargeBinary(16), nullable=False, unique=True),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("made_ms", sa.BigInteger, nullable=False),
    sa.Column("client_id", sa.LargeBinary(8), sa.ForeignKey("shop_clients.client_id"), index=True),
    sa.Column("transaction_id", sa.Integer, sa.ForeignKey("shop_transactions.transaction_id"), unique=True),
    sa.CheckConstraint("units > 0", name="units_valid"),
)
sa.Table(
    "shop_members",
    METADATA,
    sa.Column("group_id", sa.Integer, sa.ForeignKey("shop_groups.group_id"), primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_users.user_id"), primary_key=True, index=True),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
)
sa.Table(
    "shop_orders",
    METADATA,
    sa.Column("order_id", sa.LargeBinary(16), primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_users.user_id"), nullable=False, index=True),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("made_ms", sa.BigInteger, nullable=False),
    sa.Column("seller_id", sa.Integer, sa.ForeignKey("shop_sellers.seller_id")),
    sa.Column("notice", sa.LargeBinary(128)),
    sa.Column("transaction_id", sa.Integer, sa.ForeignKey("shop_transactions.transaction_id")),
    sa.CheckConstraint("units > 0", name="units_valid"),
    sa.UniqueConstraint("transaction_id"),
)
sa.Table(
    "shop_titles",
    METADATA,
    sa.Column("title_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("price", sa.BigInteger, nullable=False),
    sa.Column("group_id", sa.Integer, sa.ForeignKey("shop_groups.group_id"), index=True),
    sa.Column("file", sa.String(200), nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("added_ms", sa.BigInteger, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.CheckConstraint("price >= 0", name="price_valid"),
)
sa.Table(
    "shop_entries",
    METADATA,
    sa.Column("transaction_id", sa.Integer, sa.ForeignKey("shop_transactions.transaction_id"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("party", sa.String(16), nullable=False),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_users.user_id"), index=True),
    sa.Column("title_id", sa.Integer, sa.ForeignKey("shop_titles.title_id")),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount <> 0", name="amount_valid"),
)
sa.Table(
    "shop_extras",
    METADATA,
    sa.Column("title_id", sa.Integer, sa.ForeignKey("shop_titles.title_id"), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.String(20000), nullable=False),
)
sa.Table(
    "shop_rights",
    METADATA,
    sa.Column("right_id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_users.user_id"), nullable=False),
    sa.Column("title_id", sa.Integer, sa.ForeignKey("shop_titles.title_id"), nullable=False),
    sa.Column("key_id", sa.LargeBinary(16), sa.ForeignKey("sealed_secrets.secret_id"), nullable=False, index=True),
    sa.Column(
        "transaction_id", sa.Integer, sa.ForeignKey("shop_transactions.transaction_id"), nullable=False, unique=True
    ),
    sa.Column("bought_ms", sa.BigInteger, nullable=False),
    sa.Column("refunded_ms", sa.BigInteger),
    sa.Index(
        "uq_shop_rights_standing",
        "user_id",
        "title_id",
        unique=True,
        sqlite_where=sa.text("refunded_ms IS NULL"),
        postgresql_where=sa.text("refunded_ms IS NULL"),
    ),
)


def upgrade(op: Operations) -> None:
    new = [table for table in METADATA.sorted_tables if table.name not in THERE]
    METADATA.create_all(op.get_bind(), tables=new, checkfirst=False)
