"""TM-24: a stolen database. Whoever takes a running platform's files, or a backup, looks for what is not theirs."""

import asyncio
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fedstyle_secure.aggregation.letters import Envelope, Purpose
from fedstyle_secure.platform.backup import DATABASE_FILE, make_backup
from fedstyle_secure.platform.coordinator.lead import Lead
from fedstyle_secure.platform.coordinator.leading import Leading
from fedstyle_secure.platform.inviting import invite_artist
from fedstyle_secure.platform.service import opened
from fedstyle_secure.platform.settings import PlatformFolder
from fedstyle_secure.platform.store.artists import TOKENS
from fedstyle_secure.wire.enrolment import Join
from fedstyle_secure.wire.routes import Route

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .gallery import ARTISTS, STATEMENT, Gallery, Postman, write_settings
from .street import call
from .town import Town, identity, public_key, style_features

_MASKED_ROUND, _SECOND = 2, 2
"""The round that brings masked updates, and the number of the second session."""
_SLICE: Final = 48
"""Bytes at the end of a message, by which it is known again."""
_FORGOTTEN, _OVERWRITTEN, _EMPTIED = "messages are forgotten", "what is forgotten is overwritten", "no log of writes"
_LEFT_OUT, _DIGESTS = "a backup without messages", "digests of tokens"
_EDITS: Final = {
    _FORGOTTEN: (
        Edit(
            "fedstyle_secure.platform.coordinator.leading:Leading._commit",
            "forget_messages(connection, self._number)",
            "pass",
        ),
        Edit(
            "fedstyle_secure.platform.coordinator.leading:Leading._close",
            "forget_messages(connection, self._number)",
            "pass",
        ),
    ),
    _OVERWRITTEN: (
        Edit(
            "fedstyle_secure.platform.store.database:_configure",
            'connection.execute(f"PRAGMA {setting}")',
            'connection.execute(f"PRAGMA {setting}".replace("secure_delete = ON", "secure_delete = OFF"))',
        ),
    ),
    _EMPTIED: (
        Edit(
            "fedstyle_secure.platform.store.database:Database.forget_writes",
            "if not self.is_postgresql:",
            "if False:",
        ),
    ),
    _LEFT_OUT: (Edit("fedstyle_secure.platform.store.copying:copy_rows", "row[_SAID[table]] = None", "pass"),),
    _DIGESTS: (
        Edit(
            "fedstyle_secure.platform.inviting:_enter",
            "digest=sha256(invitation.token).digest()",
            "digest=invitation.token",
        ),
        Edit(
            "fedstyle_secure.platform.gateway.enrolment:Desk._join",
            "letter.envelope.sender, sha256(body.token).digest()",
            "letter.envelope.sender, body.token",
        ),
    ),
}

CLAIM = Claim(
    number=24,
    title="a stolen database",
    adversary="takes a platform's database with all that SQLite keeps beside it while the platform runs, or a backup "
    "that was made in the middle of a session",
    assets="masked updates, which whoever breaks masks one day could read; artists' keys and features; enrolment",
    assumption="the disk itself gives back nothing that was overwritten; keys of the platform are not in the database",
    promise="there is nothing of an artist's but its public key, name and terms; what was said in sessions is gone "
    "when they are over, and is in no backup; no invitation can be used",
    defenses={
        _FORGOTTEN: "platform/coordinator/leading.py, TRA-2",
        _OVERWRITTEN: "platform/store/database.py: secure_delete",
        _EMPTIED: "platform/store/database.py, DBS-4",
        _LEFT_OUT: "platform/store/copying.py, BAK-1",
        _DIGESTS: "platform/store/artists.py, TOK-1",
    },
    power=(
        Limit(figure="masked updates of finished sessions", at_least=ARTISTS),
        Limit(figure="masked updates in a backup", at_least=ARTISTS),
        Limit(figure="invitations that open", at_least=1),
    ),
    protected=(
        Limit(figure="masked updates of finished sessions", at_most=0),
        Limit(figure="masked updates in a backup", at_most=0),
        Limit(figure="invitations that open", at_most=0),
        Limit(figure="secrets of artists", at_most=0),
        Limit(figure="public keys that looking finds", at_least=ARTISTS),
    ),
    residual="names, links, stated terms, public keys, salts of the log, models and sums; of a session that is open, "
    "all that is said in it; PostgreSQL keeps deleted rows until its next vacuum, and its own log of writes longer",
    tests=("tests/platform/test_backup.py", "tests/platform/store/test_database.py", "tests/platform/test_live.py"),
    linddun=(Linddun.DATA_DISCLOSURE, Linddun.IDENTIFYING),
    stride=(Stride.INFORMATION_DISCLOSURE, Stride.SPOOFING),
)


def defended(_deployment: Deployment) -> bool:
    """Whatever is promised of privacy, a platform has a disk."""
    return True


def attack(without: frozenset[str], _effort: Effort) -> Figures:
    """Run a training, and read all files; make a backup meanwhile; use what stands for an invitation."""
    with off(without, _EDITS), TemporaryDirectory(prefix="threat-") as folder:
        path = Path(folder) / "platform"
        path.mkdir()
        gallery = _Tapped(Town(Path(folder)), f"sqlite:///{path}/platform.sqlite", path)
        gallery.join(*range(ARTISTS))
        training = gallery.start()
        write_settings(path)
        lead = Lead.take(gallery.database, b"this process", threading.Event())
        if lead is None:
            raise AssertionError("nobody else leads here")
        with Postman(gallery):
            Leading(lead, training, signer=gallery.signer, logbook=gallery.logbook).go_on()
        stolen = gallery.files()
        gallery.database.close()
        secrets = [identity(number).private_bytes_raw() for number in range(ARTISTS)]
        secrets += [style_features(number).views[0, 0].tobytes() for number in range(ARTISTS)]
        return {
            "masked updates of finished sessions": float(
                sum(each in stolen for each in gallery.masked)
                + sum(each in gallery.after_one for each in gallery.masked[:ARTISTS])
            ),
            "masked updates in a backup": float(sum(each in gallery.backup for each in gallery.masked)),
            "masked updates that were sent": float(len(gallery.masked)),
            "secrets of artists": float(sum(each in stolen + gallery.backup for each in secrets)),
            "public keys that looking finds": float(sum(public_key(number) in stolen for number in range(ARTISTS))),
            "invitations that open": float(_opens(gallery)),
        }


class _Tapped(Gallery):
    """Notes what is said, makes a backup in the middle of the first session, and looks at files in the second."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.masked: list[bytes] = []
        self.backup = self.after_one = b""

    def files(self) -> bytes:
        """All that SQLite keeps."""
        return b"".join(file.read_bytes() for file in self.folder.glob("platform.sqlite*"))

    def answer(self, key: bytes, request: bytes) -> bytes | None:
        """What an artist answers, noted."""
        answer, claims = super().answer(key, request), Envelope.claims(request)
        if answer is not None and (claims.purpose, claims.round) == (Purpose.SESSION, _MASKED_ROUND):
            self.masked.append(answer[-_SLICE:])
        if not self.backup and len(self.masked) == ARTISTS and claims.round > _MASKED_ROUND:
            out = self.folder.with_name("backup")
            make_backup(PlatformFolder(self.folder), out)
            self.backup = (out / DATABASE_FILE).read_bytes()
        if not self.after_one and claims.purpose is Purpose.SESSION and claims.session == _SECOND:
            self.after_one = self.files()
        return answer


def _opens(gallery: Gallery) -> bool:
    """Whether what the database keeps of an invitation enrols somebody."""
    folder, newcomer = PlatformFolder(gallery.folder), identity(ARTISTS)
    invite_artist(folder, "newcomer", gallery.folder / "invitation")
    with opened(folder, poll_seconds=0.0) as service:
        with service.database.reading() as connection:
            (*_, stolen) = connection.execute(TOKENS.select()).mappings()
        join = Join(token=stolen["digest"], name="A thief", link=None, terms=STATEMENT)
        envelope = Envelope(
            sender=public_key(ARTISTS),
            recipient=service.signer.platform_key,
            purpose=Purpose.JOIN,
            session=0,
            round=0,
            body=join.encode(),
        )
        heard = asyncio.run(call(service.app, "POST", Route.JOIN.value, envelope.seal(newcomer)))
    return heard.status == 200
