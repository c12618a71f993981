"""What a local page shows and what can be done on it, whoever serves it.

DSK-1  An act is done only with the answer to its question, as the question reads now: what changed since it was asked
       is asked again. What is shown before is what is done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ..errors import FedStyleError
from ..web.files import Assets
from ..web.html import Html

Fields = Mapping[str, str]
"""What was filled in, by name."""

ANSWER: Final = "answer"
"""Name of the field that answers a question."""


class NothingSuchError(FedStyleError):
    """There is no such part or act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an act comes to, asked before it is done.

    Attributes:
        title: The question, in a few words.
        body: What follows from it.
        yes: What agreeing is called.
    """

    title: str
    body: Html
    yes: str

    @property
    def answer(self) -> str:
        """What agrees to this question and to no other."""
        return sha256("\0".join((self.title, self.body, self.yes)).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an act came to.

    Attributes:
        told: One sentence.
        file: Name and content of a file for whoever did it; None for none.
    """

    told: str
    file: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done.

    Attributes:
        ask: What it comes to.
        do: Does it.
    """

    ask: Callable[[Fields], Question]
    do: Callable[[Fields], Done]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A page in parts, and acts.

    Attributes:
        shell: The whole page without anything in it; says nothing of anybody.
        assets: Its scripts and style sheets.
        parts: What makes each part, by its name.
        acts: By their names.
    """

    shell: Html
    assets: Assets
    parts: Mapping[str, Callable[[], Html]]
    acts: Mapping[str, Act]

    def show(self, part: str) -> Html:
        """A part as it is now.

        Raises:
            NothingSuchError: There is none.
            FedStyleError: It cannot be had.
        """
        if part not in self.parts:
            raise NothingSuchError("there is no such part of this page")
        return self.parts[part]()

    def press(self, name: str, fields: Fields) -> Question | Done:
        """Ask, or do what was asked and agreed to (DSK-1).

        Raises:
            NothingSuchError: There is no such act.
            FedStyleError: It cannot be done.
        """
        if name not in self.acts:
            raise NothingSuchError("there is nothing of this name to do here")
        act = self.acts[name]
        question = act.ask(fields)
        return act.do(fields) if fields.get(ANSWER) == question.answer else question
