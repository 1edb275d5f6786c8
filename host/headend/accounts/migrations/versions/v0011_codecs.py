"""Codec units that the shop passes on to terminals, as they were signed."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0011"
down_revision = "0010"


def upgrade(op: Operations) -> None:
    op.create_table(
        "shop_codecs",
        sa.Column("codec_id", sa.Integer, nullable=False),
        sa.Column("codec", sa.String(16), nullable=False),
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("board", sa.String(12), nullable=False),
        sa.Column("mpy", sa.LargeBinary(3), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sa.Column("added_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("version > 0", name="ck_shop_codecs_version_valid"),
        sa.PrimaryKeyConstraint("codec_id", name="pk_shop_codecs"),
        sa.UniqueConstraint("codec", "board", "mpy", "version", name="uq_shop_codecs_codec_board_mpy_version"),
        sa.UniqueConstraint("digest", name="uq_shop_codecs_digest"),
    )
    op.create_index("ix_shop_codecs_name", "shop_codecs", ["name"])
