"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables of artists, exchanges, files, signatures, numbers, the log and the lease."""
    op.create_table(
        "artists",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("folded", sa.String(), nullable=True),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artists")),
        sa.UniqueConstraint("folded", name=op.f("uq_artists_folded")),
        sa.UniqueConstraint("label", name=op.f("uq_artists_label")),
    )
    op.create_table(
        "exchanges",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("training", NUMBER, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("reply_limit", NUMBER, nullable=False),
        sa.Column("last_sequence", NUMBER, nullable=False),
        sa.Column("closed_at", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchanges")),
        sa.UniqueConstraint("training", "name", name=op.f("uq_exchanges_training_name")),
    )
    op.create_index(
        "ix_exchanges_open",
        "exchanges",
        ["id"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "files",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_files")),
    )
    op.create_table(
        "lease",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", NUMBER, nullable=False),
        sa.Column("until", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
    )
    op.create_table(
        "numbers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_numbers")),
    )
    op.create_table(
        "identities",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("artist", NUMBER, nullable=False),
        sa.Column("enrolled", NUMBER, nullable=False),
        sa.Column("retired", NUMBER, nullable=True),
        sa.Column("leaf", NUMBER, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("instance", NUMBER, nullable=False),
        sa.Column("instance_start", sa.LargeBinary(), nullable=True),
        sa.Column("act", NUMBER, nullable=False),
        sa.Column("act_digest", sa.LargeBinary(), nullable=True),
        sa.Column("act_answer", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["artist"], ["artists.id"], name=op.f("fk_identities_artist")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_identities")),
    )
    op.create_index(
        op.f("ix_identities_artist"),
        "identities",
        ["artist"],
        unique=False,
    )
    op.create_index(
        "uq_identities_active",
        "identities",
        ["artist"],
        unique=True,
        sqlite_where=sa.text("retired IS NULL"),
        postgresql_where=sa.text("retired IS NULL"),
    )
    op.create_table(
        "requests",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("exchange", NUMBER, nullable=False),
        sa.Column("mailbox", sa.String(), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", NUMBER, nullable=False),
        sa.Column("session", NUMBER, nullable=False),
        sa.Column("round", NUMBER, nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["exchange"], ["exchanges.id"], name=op.f("fk_requests_exchange")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("exchange", "identity", name=op.f("uq_requests_exchange_identity")),
        sa.UniqueConstraint("exchange", "mailbox", name=op.f("uq_requests_exchange_mailbox")),
    )
    op.create_index(
        op.f("ix_requests_identity_purpose_session_round"),
        "requests",
        ["identity", "purpose", "session", "round"],
        unique=False,
    )
    op.create_table(
        "log_leaves",
        sa.Column("epoch", NUMBER, autoincrement=False, nullable=False),
        sa.Column("place", NUMBER, autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", "place", name=op.f("pk_log_leaves")),
    )
    op.create_table(
        "signatures",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("artist", NUMBER, nullable=False),
        sa.Column("training", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("leaf", NUMBER, nullable=False),
        sa.Column("withdrawn", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["artist"], ["artists.id"], name=op.f("fk_signatures_artist")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signatures")),
    )
    op.create_index(
        "uq_signatures_public",
        "signatures",
        ["artist"],
        unique=True,
        sqlite_where=sa.text("withdrawn IS NULL"),
        postgresql_where=sa.text("withdrawn IS NULL"),
    )
    op.create_table(
        "replies",
        sa.Column("request", NUMBER, nullable=False),
        sa.Column("exchange", NUMBER, nullable=False),
        sa.Column("sequence", NUMBER, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["exchange"], ["exchanges.id"], name=op.f("fk_replies_exchange")),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name=op.f("fk_replies_request")),
        sa.PrimaryKeyConstraint("request", name=op.f("pk_replies")),
        sa.UniqueConstraint("exchange", "sequence", name=op.f("uq_replies_exchange_sequence")),
    )
    op.create_table(
        "tokens",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("expires", NUMBER, nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["identity"], ["identities.key"], name=op.f("fk_tokens_identity")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_tokens")),
    )
