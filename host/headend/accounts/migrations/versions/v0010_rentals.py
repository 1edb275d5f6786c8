"""Rights with an end: offers of a title for less than good, and the terms of what was bought so."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0010"
down_revision = "0009"

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table("shop_titles", METADATA, sa.Column("title_id", sa.Integer, primary_key=True))
sa.Table("shop_rights", METADATA, sa.Column("right_id", sa.Integer, primary_key=True))
THERE = ("shop_titles", "shop_rights")
"""What the new tables refer to, as far as they do."""

sa.Table(
    "shop_rentals",
    METADATA,
    sa.Column("rental_id", sa.Integer, primary_key=True),
    sa.Column("title_id", sa.Integer, sa.ForeignKey("shop_titles.title_id"), nullable=False, index=True),
    sa.Column("price", sa.BigInteger, nullable=False),
    sa.Column("begins_ms", sa.BigInteger, nullable=False),
    sa.Column("ends_ms", sa.BigInteger, nullable=False),
    sa.Column("holds_s", sa.BigInteger, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.CheckConstraint("price >= 0", name="price_valid"),
    sa.CheckConstraint("ends_ms > begins_ms OR (ends_ms = 0 AND holds_s > 0)", name="terms_valid"),
)
sa.Table(
    "shop_terms",
    METADATA,
    sa.Column("right_id", sa.Integer, sa.ForeignKey("shop_rights.right_id"), primary_key=True),
    sa.Column("rental_id", sa.Integer, sa.ForeignKey("shop_rentals.rental_id"), nullable=False),
    sa.Column("begins_ms", sa.BigInteger, nullable=False),
    sa.Column("ends_ms", sa.BigInteger, nullable=False),
    sa.Column("holds_s", sa.BigInteger, nullable=False),
    sa.Column("delivered_ms", sa.BigInteger),
    sa.Column("until_ms", sa.BigInteger),
)


def upgrade(op: Operations) -> None:
    new = [table for table in METADATA.sorted_tables if table.name not in THERE]
    METADATA.create_all(op.get_bind(), tables=new, checkfirst=False)
