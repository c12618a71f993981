"""A platform that walks real artists through one session after another, round by round, as a test wants it."""

from fedstyle_secure.aggregation.session import session_params
from fedstyle_secure.announcement import RECEIPT_BYTES
from fedstyle_secure.privacy.sizing import Mode
from protocols import Server


class Hall:
    """Eight artists of a town.

    Args:
        town: Where the others come from.
        artist: Stands in for the first of them.
        mode: Of all of them.
        sessions: How many there were before.
    """

    def __init__(self, town, artist, *, mode=Mode.DISTRIBUTED, sessions=0):
        self.town = town
        self.artists = [artist, *list(town.federation(mode=mode).artists.values())[1:]]
        self.identities = [town.public_key(number) for number in range(8)]
        self.sessions = sessions

    def announce(self, announcement):
        """What the first artist answers; all hear of it."""
        answers = [artist.receive_announcement(announcement.encode()) for artist in self.artists]
        return answers[0]

    def params(self, mechanism, *, session, **subject):
        return session_params(
            self.identities,
            self.town.subject(**subject),
            mechanism,
            session=session,
            server_key=self.town.SERVER_KEY,
        )

    def invite(self, mechanism, *, session=None, **subject):
        """Open a session: the server, and the first requests by artist."""
        self.sessions = self.sessions + 1 if session is None else session
        server = Server(self.params(mechanism, session=self.sessions, **subject))
        return server, dict(server.start())

    def walk(self, mechanism, *, rounds, **session):
        """Play so many rounds of a session: what the first artist answered, and what it would be asked next."""
        server, requests = self.invite(mechanism, **session)
        answers = []
        for _ in range(rounds):
            answers += self.play(server, requests)
            requests = dict(server.close_round())
        return answers, requests.get(0)

    def play(self, server, requests):
        """Deliver one round's requests; the first artist's answer, in a list."""
        answers = {number: self.artists[number].receive_request(request) for number, request in requests.items()}
        for number, answer in answers.items():
            server.receive(number, answer[RECEIPT_BYTES:])
        return [answers[number] for number in answers if number == 0]
