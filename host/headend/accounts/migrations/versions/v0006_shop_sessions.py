"""Who has signed in at the shop by HTTP."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0006"
down_revision = "0005"


def upgrade(op: Operations) -> None:
    op.create_table(
        "shop_sessions",
        sa.Column("token", sa.LargeBinary(32), primary_key=True),
        sa.Column(
            "user_id",
            sa.Integer,
            sa.ForeignKey("shop_users.user_id", name="fk_shop_sessions_user_id_shop_users"),
            nullable=False,
        ),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_shop_sessions"),
    )
    op.create_index("ix_shop_sessions_user_id", "shop_sessions", ["user_id"])
    op.create_index("ix_shop_sessions_until_ms", "shop_sessions", ["until_ms"])
