"""Households: the portable players of a user, and the lists of them that terminals got."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0008"
down_revision = "0007"

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table("terminals", METADATA, sa.Column("terminal_id", sa.LargeBinary(8), primary_key=True))
sa.Table("shop_users", METADATA, sa.Column("user_id", sa.Integer, primary_key=True))
THERE = ("terminals", "shop_users")
"""What the new tables refer to, as far as they do."""

sa.Table(
    "shop_households",
    METADATA,
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_users.user_id"), primary_key=True),
    sa.Column("household_id", sa.LargeBinary(8), nullable=False, unique=True),
    sa.Column("most", sa.Integer, nullable=False),
    sa.Column("changes", sa.Integer, nullable=False),
    sa.CheckConstraint("most > 0", name="most_valid"),
)
sa.Table(
    "shop_household_players",
    METADATA,
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_households.user_id"), primary_key=True),
    sa.Column("player_id", sa.LargeBinary(8), sa.ForeignKey("terminals.terminal_id"), primary_key=True, index=True),
    sa.Column("joined_ms", sa.BigInteger, nullable=False),
    sa.Column("left_ms", sa.BigInteger),
)
sa.Table(
    "shop_household_lists",
    METADATA,
    sa.Column("serial", sa.Integer, primary_key=True),
    sa.Column("terminal_id", sa.LargeBinary(8), sa.ForeignKey("terminals.terminal_id"), nullable=False, index=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("shop_households.user_id"), nullable=False),
    sa.Column("changes", sa.Integer, nullable=False),
)


def upgrade(op: Operations) -> None:
    new = [table for table in METADATA.sorted_tables if table.name not in THERE]
    METADATA.create_all(op.get_bind(), tables=new, checkfirst=False)
