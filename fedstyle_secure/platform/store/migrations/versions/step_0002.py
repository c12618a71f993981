"""Trainings: what they begin with, generations of rosters, and what became of each attempt."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables of the foundation, generations, members, trainings and attempts."""
    op.create_table(
        "foundation",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_foundation")),
    )
    op.create_table(
        "generations",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_generations")),
    )
    op.create_table(
        "members",
        sa.Column("generation", NUMBER, autoincrement=False, nullable=False),
        sa.Column("position", NUMBER, autoincrement=False, nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["generation"], ["generations.number"], name=op.f("fk_members_generation")),
        sa.ForeignKeyConstraint(["identity"], ["identities.key"], name=op.f("fk_members_identity")),
        sa.PrimaryKeyConstraint("generation", "position", name=op.f("pk_members")),
    )
    op.create_table(
        "trainings",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("generation", NUMBER, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", NUMBER, nullable=False),
        sa.Column("start", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", NUMBER, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stop", sa.Boolean(), nullable=False),
        sa.Column("size", NUMBER, nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("agreed", NUMBER, nullable=True),
        sa.Column("outcome", sa.LargeBinary(), nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["generation"], ["generations.number"], name=op.f("fk_trainings_generation")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_trainings")),
        sa.UniqueConstraint("digest", name=op.f("uq_trainings_digest")),
    )
    op.create_table(
        "attempts",
        sa.Column("training", NUMBER, autoincrement=False, nullable=False),
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("iteration", NUMBER, nullable=False),
        sa.Column("survivors", NUMBER, nullable=False),
        sa.Column("sum_digest", sa.LargeBinary(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("checkpoint", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["training"], ["trainings.number"], name=op.f("fk_attempts_training")),
        sa.PrimaryKeyConstraint("training", "number", name=op.f("pk_attempts")),
    )
