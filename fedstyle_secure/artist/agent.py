"""The agent: asks the platform whether there is something to do, does it within the artist's terms, and asks again.

AGE-1  It calls out, and nobody in the network calls it: its page answers this machine alone (DRS-1). What it gets
       counts only as what the pinned platform signed (LET-2); it decodes models of the pinned architecture, and loads
       or runs nothing else.
AGE-2  An answer is sent, the same bytes, until the platform has it or it is too late. The store has all that it follows
       from, so that the agent killed at any moment gives that same answer (AGT-9, EGM-1).
AGE-3  One agent a key: every start has a number of its own that rises. Where the platform says that another start is at
       work, this agent stops.
AGE-4  What is refused is counted, and told to the artist alone: to the platform it is silence.
AGE-5  A disk that is full, or a state that cannot be read, answers nothing; the agent goes on from what is on disk when
       that can be used again.
AGE-6  What an artist asks for meanwhile is done between two requests, never during one: of the store and the ledger one
       thing at a time makes use.
AGE-7  Keys for a window are forgotten on time by an agent that runs, even if it has loaded nothing since its start.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..aggregation.letters import Envelope, ProtocolError, Purpose, answering
from ..errors import FedStyleError, InputError
from ..wire.routes import AGREED, INSTANCE_BYTES, NOTED, Route, Status
from .acts import ActError, finish
from .client import Answer, Line, LineError
from .home import ENDED, KEYS_UNTIL, UNSIGNED, Home, read_pins
from .store import StoreError

if TYPE_CHECKING:
    from .engagement import Engagement

REFUSED_PAUSE: Final = 3.0
"""Seconds between two looks at a request that was refused: it stays until its time is over."""
TROUBLED_PAUSE: Final = 5.0
"""Seconds before a disk that failed is tried again."""
_INSTANCE, _REFUSALS = "instance", "refusals"
_KEPT_REFUSALS: Final = 10
_ASIDE_SECONDS: Final = 20.0
"""How long an artist's own wish waits for the agent to be free."""


class AtWorkError(FedStyleError):
    """The agent is in the middle of something; it may be asked again soon."""


class StoppedError(FedStyleError):
    """The agent takes part no more; the message says why, and what a person can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What the agent is doing, for its artist's eyes.

    Attributes:
        state: In a few words.
        training: Number of the training in hand; 0 for none.
        answered: Answers that the platform has had since this start.
        refused: Requests that were ever refused.
        problem: What went wrong since the last answer that the platform has had; "" for nothing.
    """

    state: str
    training: int
    answered: int
    refused: int
    problem: str


class Agent:
    """One artist's agent at work.

    Args:
        home: Open, so that no other process has it.
        tell: Is told what the agent is doing, whenever that changes.
        agreed_to: Name of a roster that the artist agrees to whatever its terms say; "" for none.
        sleep: Waits so many seconds.
        clock: Tells the time in seconds, from a moment that a restart does not change.

    Attributes:
        has_finished: Whether a training came to its end since this start.
    """

    def __init__(
        self,
        home: Home,
        *,
        tell: Callable[[Word], None] = lambda _word: None,
        agreed_to: str = "",
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._home, self._tell_artist, self._agreed_to, self._sleep = home, tell, agreed_to, sleep
        self._pins = read_pins(home.folder)
        self._identity = home.identity
        self._line = Line(self._pins.address, self._pins.certificates, on_trouble=self._note_trouble, sleep=sleep)
        self._engagement: Engagement | None = None
        self._last_refused = b""
        self._at_work = threading.Lock()
        self.has_finished = False
        self._word = Word(state="starting", training=0, answered=0, refused=self._refusals()["count"], problem="")

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Take part until somebody ends it.

        Args:
            until: Asked between two polls whether to stop.

        Raises:
            StoppedError: Another agent has this key, the platform knows it no more, or the log lied.
            LineError: What answers is not the platform that was joined.
            StoreError: The home cannot be used.
            InputError: ``terms.toml`` is wrong.
        """
        self._check_ended()
        self._home.terms  # noqa: B018 - a sentence about a wrong line comes before anything else
        with self._line:
            with self._at_work:
                self._finish_what_was_begun()
                self._sign_if_wanted()
            poll = self._begin()
            while not until():
                self._say(state="waiting")
                self._expire()
                answer = self._line.post(Route.NEXT, poll)
                with self._at_work:
                    self._go_on(answer)

    @contextmanager
    def aside(self) -> Iterator[tuple[Home, Line]]:
        """The home, and a line of its own, for what the artist asks for while the agent runs (AGE-6).

        A platform that cannot be reached is not waited for: what was begun is finished by the agent when it can be.

        Raises:
            AtWorkError: The agent is in the middle of something.
        """
        if not self._at_work.acquire(timeout=_ASIDE_SECONDS):
            raise AtWorkError("your agent is in the middle of a session: try again in a minute")
        try:
            with Line(self._pins.address, self._pins.certificates, on_trouble=_give_up) as line:
                yield self._home, line
        finally:
            if self._engagement is not None:
                self._engagement.forget()  # what it knows may be old now
            self._at_work.release()

    def _expire(self) -> None:
        """Keys for a window die on time, whatever the platform asks or does not (AGE-7)."""
        until = self._home.store.read(KEYS_UNTIL)
        if until is not None and self._clock() > int(until):
            self._in_training("forgetting keys").expire()

    def _begin(self) -> bytes:
        """Count this start, and make the poll that all of its calls send (AGE-3)."""
        number = int.from_bytes(self._home.store.read(_INSTANCE) or b"", "big") + 1
        self._home.store.write({_INSTANCE: number.to_bytes(8, "big")})
        poll = Envelope(
            sender=self._pins.identity,
            recipient=self._pins.platform_key,
            purpose=Purpose.POLL,
            session=number,
            round=0,
            body=os.urandom(INSTANCE_BYTES),
        )
        return poll.seal(self._identity)

    def _go_on(self, answer: Answer) -> None:
        """Finish what was begun, then do what the platform asks, or stop."""
        self._finish_what_was_begun()
        if answer.status == Status.DONE:
            self._take_up(answer.body)
        elif answer.status != Status.NOTHING:
            self._stop(answer)

    def _finish_what_was_begun(self) -> None:
        """An act that was on its way when it was interrupted."""
        try:
            finish(self._home, self._line)
        except ActError as error:
            self._say(problem=str(error))
        self._pins, self._identity = read_pins(self._home.folder), self._home.identity  # a new key may have come of it
        self._check_ended()

    def _check_ended(self) -> None:
        ended = self._home.store.read(ENDED)
        if ended is not None:
            raise StoppedError(ended.decode())

    def _take_up(self, data: bytes) -> None:
        """Answer a request, or leave it unanswered (AGE-4, AGE-5)."""
        digest = sha256(data).digest()
        if digest == self._last_refused:
            self._sleep(REFUSED_PAUSE)
            return
        try:
            purpose = Envelope.claims(data).purpose
            mailbox = answering(
                self._handler(purpose), purpose, identity=self._identity, server_key=self._pins.platform_key
            )
            reply = mailbox(data)
        except (OSError, StoreError) as error:
            self._recover(error)
        except (FedStyleError, ProtocolError) as error:
            self._refuse(digest, error)
        else:
            self._send(reply)
            if purpose is Purpose.OUTCOME:
                self._sign_if_wanted()
                self.has_finished = True

    def _handler(self, purpose: Purpose) -> Callable[[bytes], bytes]:
        """What answers a request of this purpose."""
        match purpose:
            case Purpose.OFFER:
                return self._receive_offer
            case Purpose.ANNOUNCEMENT:
                return self._in_training("training").receive_announcement
            case Purpose.SESSION:
                return self._receive_request
            case Purpose.OUTCOME:
                return self._receive_outcome
        raise InputError(f"the platform asks for a {purpose.name.lower()}, which is not for an artist to answer")

    def _receive_offer(self, body: bytes) -> bytes:
        with self._ending_with_forks():
            self._in_training("looking at an offer").receive_offer(body)
        return AGREED

    def _receive_request(self, body: bytes) -> bytes:
        with self._ending_with_forks():
            return self._in_training("in a session").receive_request(body)

    @contextmanager
    def _ending_with_forks(self) -> Iterator[None]:
        """A log that lies ends this agent's part, after a restart too."""
        from ..transparency.watch import ForkError

        try:
            yield
        except ForkError as error:
            self._end(f"{error}; what shows it is in {self._home.folder / 'evidence'}")

    def _receive_outcome(self, body: bytes) -> bytes:
        self._in_training("noting an outcome").receive_outcome(body)
        return NOTED

    def _in_training(self, state: str) -> "Engagement":
        """What knows of trainings, and needs large libraries: an agent that waits does without."""
        if self._engagement is None:
            from .engagement import Engagement

            self._engagement = Engagement(self._home, self._line, agreed_to=self._agreed_to)
        facts = self._engagement.facts
        self._say(state=state, training=0 if facts is None else facts.number)
        return self._engagement

    def _sign_if_wanted(self) -> None:
        """Publish the signature of a training that is over, if the terms say so."""
        if self._home.store.read(UNSIGNED) is None or not self._home.terms.sign:
            return
        try:
            self._in_training("signing").sign()
        except LineError:
            raise
        except FedStyleError as error:
            self._refuse(sha256(str(error).encode()).digest(), error)

    def _send(self, reply: bytes) -> None:
        """Hand an answer in (AGE-2)."""
        answer = self._line.post(Route.ANSWERS, reply)
        match answer.status:
            case Status.DONE:
                self._say(answered=self._word.answered + 1, problem="")
            case Status.GONE:
                self._say(problem="an answer came too late: the round was closed without it")
            case Status.UNKNOWN | Status.CONFLICT:
                self._stop(answer)
            case _:
                self._refuse(sha256(reply).digest(), LineError(f"an answer was not taken: {answer.reason}"))

    def _stop(self, answer: Answer) -> None:
        """The platform has nothing to say to this agent any more."""
        remedies = {
            Status.CONFLICT: "another agent with this key is at work, or this folder is an old copy: keep the newest "
            "one and start only that; after a loss, `fedstyle artist recover` goes on with a new key",
            Status.UNKNOWN: "the platform does not know this key any more: ask the operator for a new invitation",
            Status.MALFORMED: "agent and platform do not understand each other: install the newest release",
        }
        remedy = remedies.get(Status(answer.status)) if answer.status in set(Status) else None
        raise StoppedError(f"{remedy or 'the platform refuses this agent'} (the platform says: {answer.reason})")

    def _end(self, sentence: str) -> NoReturn:
        """Take part no more, after a restart neither."""
        self._home.store.write({ENDED: sentence.encode()})
        raise StoppedError(sentence)

    def _refuse(self, digest: bytes, error: Exception) -> None:
        """Leave a request unanswered, and tell the artist why (AGE-4)."""
        if isinstance(error, StoppedError):
            raise error
        self._last_refused = digest
        refusals = self._refusals()
        last = [*refusals["last"], {"time": round(time.time()), "reason": str(error)[:500]}]
        refusals = {"count": refusals["count"] + 1, "last": last[-_KEPT_REFUSALS:]}
        self._home.store.write({_REFUSALS: json.dumps(refusals).encode()})
        self._say(state="waiting", refused=refusals["count"], problem=f"refused: {error}")

    def _refusals(self) -> dict[str, Any]:
        """How many requests were ever refused, and why the last ones."""
        found: dict[str, Any] = json.loads(self._home.store.read(_REFUSALS) or b'{"count": 0, "last": []}')
        return found

    def _recover(self, error: Exception) -> None:
        """Forget what is in memory, and try again from what is on disk (AGE-5)."""
        if self._engagement is not None:
            self._engagement.forget()
        self._say(problem=f"{error}")
        self._sleep(TROUBLED_PAUSE)

    def _note_trouble(self, sentence: str) -> None:
        self._say(problem=sentence)

    def _say(self, **changes: Any) -> None:
        """Tell the artist, and leave word in the home, where something changed."""
        word = Word(**(asdict(self._word) | changes))
        if word == self._word:
            return
        self._word = word
        self._home.tell(asdict(word) | {"refusals": self._refusals()["last"]})
        self._tell_artist(word)


def _give_up(sentence: str) -> None:
    """Whoever waits at a screen is told now; what was begun goes on without them."""
    raise LineError(f"{sentence.partition(';')[0]}: your agent does it as soon as it can")
