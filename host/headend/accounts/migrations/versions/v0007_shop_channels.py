"""How far the requests over the shop's channels have come (`shop_channels`)."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0007"
down_revision = "0006"


def upgrade(op: Operations) -> None:
    op.create_table(
        "shop_channels",
        sa.Column("peer", sa.LargeBinary(9), nullable=False),
        sa.Column("issued_ms", sa.BigInteger, nullable=False),
        sa.Column("session", sa.LargeBinary(8), nullable=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("peer", name="pk_shop_channels"),
    )
