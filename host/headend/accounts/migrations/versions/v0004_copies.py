"""What is in doubt of a subscriber's tokens, and which calls showed an outdated one.

Tables of their own: SQLite adds a column only behind all else, and would have the tables that refer to it made anew.
"""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0004"
down_revision = "0003"


def upgrade(op: Operations) -> None:
    op.create_table(
        "token_doubts",
        sa.Column("subscriber_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("displaced", sa.LargeBinary(8)),
        sa.Column("unstored", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.subscriber_id"], name="fk_token_doubts_subscriber_id_subscribers"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name="pk_token_doubts"),
    )
    op.create_table(
        "outdated_calls",
        sa.Column("call_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_outdated_calls_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", name="pk_outdated_calls"),
    )
