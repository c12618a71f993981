"""Who holds what, and what passes between them, read off the code: makes docs/data-flow.md.

Types come from the signatures of the functions that make them, the protocol's messages and their order from
`CLIENT_TRANSITIONS` and `SERVER_TRANSITIONS`, what a flow carries from its type's fields. Written by hand are the
roles, who stands where, and which threats concern a flow; `test_data_flow` holds them against the code.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import get_args, get_type_hints

from fedstyle_secure.aggregation.masking import Part
from fedstyle_secure.aggregation.summing import aggregate
from fedstyle_secure.announcement import Announcement
from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.artworks.reader import read_artwork
from fedstyle_secure.catalogue.search import search
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.encoder.features import extract
from fedstyle_secure.encoder.model import read_model
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.server.alignment import Alignment
from fedstyle_secure.server.checkpoint import Checkpoint
from fedstyle_secure.wire.enrolment import Join, Leave, Publish, Renew, Withdraw
from fedstyle_secure.wire.trainings import Offer, Outcome
from protocols.audit import Transcript
from protocols.secagg.states import CLIENT_TRANSITIONS, SERVER_TRANSITIONS
from threat_models.claim import Claim, Linddun, Stride
from threat_models.register import threats

BOUNDARIES = {
    "house": "Artist's house: one for each artist",
    "wall": "Wall: anyone may listen, delay and forge",
    "hall": "Hall: the platform, not trusted with one artist's update",
    "library": "Library: public",
    "buyer": "Buyer's machine",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A process, a store or a person.

    Attributes:
        kind: ``process``, ``store`` or ``person``.
        name: In one or two words.
        boundary: Key of `BOUNDARIES`.
        where: The file it lives in; empty for what is outside the code.
    """

    kind: str
    name: str
    boundary: str
    where: str = ""


ELEMENTS = {
    "artworks": Element(kind="store", name="artworks", boundary="house"),
    "gate": Element(kind="process", name="gate", boundary="house", where="fedstyle_secure/artworks/reader.py"),
    "studio": Element(kind="process", name="studio", boundary="house", where="fedstyle_secure/encoder/features.py"),
    "desk": Element(kind="process", name="desk", boundary="house", where="fedstyle_secure/artist/artist.py"),
    "ledger": Element(kind="store", name="ledger", boundary="house", where="fedstyle_secure/privacy/ledger.py"),
    "scales": Element(kind="process", name="scales", boundary="house", where="fedstyle_secure/privacy/pipeline.py"),
    "enrolment": Element(kind="store", name="identity key, roster", boundary="house"),
    "client": Element(kind="process", name="cloakroom", boundary="house", where="protocols/secagg/client.py"),
    "agent": Element(kind="process", name="agent", boundary="house", where="fedstyle_secure/artist/agent.py"),
    "engine": Element(kind="process", name="engine", boundary="wall", where="fedstyle_secure/engines/courier.py"),
    "server": Element(kind="process", name="session", boundary="hall", where="protocols/secagg/server.py"),
    "loop": Element(kind="process", name="loop", boundary="hall", where="fedstyle_secure/server/iterations.py"),
    "stairs": Element(kind="process", name="alignment", boundary="hall", where="fedstyle_secure/server/alignment.py"),
    "coordinator": Element(
        kind="process", name="coordinator", boundary="hall", where="fedstyle_secure/platform/coordinator/leading.py"
    ),
    "gateway": Element(
        kind="process", name="gateway", boundary="hall", where="fedstyle_secure/platform/gateway/app.py"
    ),
    "store": Element(
        kind="store", name="platform's store", boundary="hall", where="fedstyle_secure/platform/store/trainings.py"
    ),
    "transcripts": Element(kind="store", name="transcripts, if asked for", boundary="hall"),
    "model": Element(kind="store", name="style model", boundary="library", where="fedstyle_secure/encoder/model.py"),
    "index": Element(kind="store", name="signatures", boundary="library", where="fedstyle_secure/catalogue/index.py"),
    "room": Element(kind="process", name="search", boundary="buyer", where="fedstyle_secure/runs/search.py"),
    "person": Element(kind="person", name="buyer", boundary="buyer"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Something that passes from one element to another.

    Attributes:
        name: The type's name, or a few words for what has no type.
        source: Key of `ELEMENTS`.
        target: Key of `ELEMENTS`.
        carries: Its fields.
        threats: Numbers of the threats that concern it.
    """

    name: str
    source: str
    target: str
    carries: tuple[str, ...]
    threats: tuple[int, ...]

    @property
    def crosses(self) -> bool:
        """Whether it leaves one trust boundary for another."""
        return ELEMENTS[self.source].boundary != ELEMENTS[self.target].boundary


MESSAGE_THREATS = {
    "AdvertiseKeysRequest": (4, 6, 7, 8, 11),
    "AdvertiseKeysResponse": (5,),
    "ShareKeysRequest": (3, 5, 6),
    "ShareKeysResponse": (2, 9),
    "MaskedInputRequest": (3, 9),
    "MaskedInputResponse": (1, 9, 10),
    "ConsistencyCheckRequest": (3, 7),
    "ConsistencyCheckResponse": (3,),
    "UnmaskingRequest": (3,),
    "UnmaskingResponse": (2, 3, 9),
}
"""The protocol's messages; a new one is missing here until somebody has thought about it."""


def rounds() -> tuple[tuple[type, type], ...]:
    """Request and response of each round, in order."""
    requests = (request for _, request in CLIENT_TRANSITIONS)
    responses = (response for _, response in SERVER_TRANSITIONS)
    return tuple(zip(requests, responses, strict=True))


def flows() -> tuple[Flow, ...]:
    """All of them, in the order in which an artwork meets them."""
    return (*_in_the_house(), *_through_the_wall(), *_on_a_platform(), *_in_the_hall(), *_to_the_buyer())


def _in_the_house() -> Iterable[Flow]:
    yield Flow(name="image file", source="artworks", target="gate", carries=("bytes",), threats=(18,))
    yield _flow(_made_by(read_artwork), "gate", "studio", 15, 18)
    yield _flow(_made_by(extract), "studio", "desk", 12)
    yield _flow(_taken_by(Ledger.charge, "release"), "desk", "ledger", 13, 27)
    yield _flow(_made_by(contribute), "desk", "scales", 8, 13)
    yield _flow(_made_by(protect), "scales", "client", 6, 13)
    yield _flow(_taken_by(Part, "enrolment"), "enrolment", "client", 5, 20)
    yield _flow(_taken_by(Part, "conditions"), "enrolment", "client", 6)


def _through_the_wall() -> Iterable[Flow]:
    yield _flow(Announcement, "loop", "desk", 4, 6, 7, 8, 11, 12, 27)
    yield Flow(name="acknowledgment", source="desk", target="loop", carries=("one word",), threats=(27,))
    yield Flow(name="receipt", source="desk", target="loop", carries=("32 bytes",), threats=(13,))
    for request, response in rounds():
        yield _flow(request, "server", "client", *MESSAGE_THREATS[request.__name__])
        yield _flow(response, "client", "server", *MESSAGE_THREATS[response.__name__])


def _on_a_platform() -> Iterable[Flow]:
    """Where artist and platform are two machines."""
    yield _flow(Offer, "coordinator", "agent", 6, 7, 12, 23)
    yield _flow(Outcome, "coordinator", "agent", 15, 23)
    yield Flow(name="agreed or noted", source="agent", target="coordinator", carries=("one word",), threats=(27,))
    yield _flow(Join, "agent", "gateway", 5, 6)
    yield _flow(Publish, "agent", "gateway", 14, 15, 16)
    yield _flow(Renew, "agent", "gateway", 5, 23)
    for act in (Withdraw, Leave):
        yield Flow(name=act.__name__, source="agent", target="gateway", carries=("nothing",), threats=(23,))
    yield _flow(Checkpoint, "loop", "store", 14)


def _in_the_hall() -> Iterable[Flow]:
    yield _flow(_made_by(aggregate), "server", "stairs", 7, 8, 10, 11, 12, 13)
    yield _flow(_made_by(Alignment.advance, but=Alignment), "stairs", "loop", 10, 14)
    yield _flow(Transcript, "server", "transcripts", 1, 7)


def _to_the_buyer() -> Iterable[Flow]:
    yield _flow(_made_by(Alignment.advance, but=Alignment), "loop", "model", 14)
    yield _flow(Signature, "desk", "index", 14, 15, 16)
    yield _flow(_made_by(read_model), "model", "room", 18)
    yield _flow(Signature, "index", "room", 16, 18)
    yield _flow(SignatureSpace, "index", "room", 18)
    yield Flow(name="query picture", source="person", target="room", carries=("bytes",), threats=(17, 18))
    yield _flow(_made_by(search), "room", "person", 16)


def _flow(kind: type, source: str, target: str, *threats: int) -> Flow:
    carries = tuple(item.name for item in fields(kind)) if is_dataclass(kind) else ()
    return Flow(name=kind.__name__, source=source, target=target, carries=carries, threats=threats)


def _made_by(function: Callable[..., object], *, but: type | None = None) -> type:
    """The one class of ours in what a function returns."""
    return _only(get_type_hints(function)["return"], but)


def _taken_by(function: Callable[..., object], argument: str) -> type:
    return _only(get_type_hints(function)[argument], None)


def _only(hint: object, but: type | None) -> type:
    classes = {kind for kind in _parts(hint) if kind.__module__.startswith(("fedstyle_secure", "protocols"))} - {but}
    (kind,) = classes
    return kind


def _parts(hint: object) -> Iterable[type]:
    if isinstance(hint, type) and not get_args(hint):
        yield hint
    for part in get_args(hint):
        yield from _parts(part)


def claims() -> tuple[Claim, ...]:
    """Of every threat that has a module, by number."""
    return tuple(threat.claim for threat in threats().values())


_SHAPES = {"process": '(["{}"])', "store": '[("{}")]', "person": '["{}"]'}


def data_flow_page() -> str:
    """The text of docs/data-flow.md."""
    return "\n".join(
        [_HEAD, _diagram(), _ELEMENTS, *_element_rows(), _FLOWS, *_flow_rows(), *_categories(claims()), ""]
    )


_HEAD = """# Data flow

Written by `make docs` from the code (`tests/data_flow.py`): a message that is new to the protocol, or a new way out of
an artist's house, makes a test red until it stands here with the threats that concern it.

Rounded boxes are processes, cylinders stores, frames trust boundaries. An engine moves bytes and never looks inside
(ENG-1), so all that the wall sees is written on the arrows into it. Requests and responses are numbered by round.
"""
_ELEMENTS = """
## Who holds what

| element | kind | behind which boundary | code |
|---|---|---|---|"""
_FLOWS = """
## What passes

In bold: what crosses a trust boundary. Threats: [threats.md](threats.md). TM-19 (crashes) and TM-21 (access to the API
of a network backend) concern no single flow.

| what | from | to | carries | threats |
|---|---|---|---|---|"""


def _diagram() -> str:
    lines = ["```mermaid", "flowchart LR"]
    for boundary, title in BOUNDARIES.items():
        lines.append(f'  subgraph {boundary}["{title}"]')
        lines += [
            f"    {key}{_SHAPES[element.kind].format(element.name)}"
            for key, element in ELEMENTS.items()
            if element.boundary == boundary
        ]
        lines.append("  end")
    labels: dict[tuple[str, str], list[str]] = {}
    for flow in flows():
        if _is_over_an_engine(flow):
            labels.setdefault((flow.source, "engine"), []).append(_numbered(flow.name))
            labels[("engine", flow.target)] = ["the same bytes"]
        else:
            labels.setdefault((flow.source, flow.target), []).append(flow.name)
    lines += [f'  {source} -->|"{"<br/>".join(names)}"| {target}' for (source, target), names in labels.items()]
    return "\n".join([*lines, "```"])


def _is_over_an_engine(flow: Flow) -> bool:
    boundaries = {ELEMENTS[flow.source].boundary, ELEMENTS[flow.target].boundary}
    return boundaries == {"house", "hall"} and flow.target != "gateway"


def _numbered(name: str) -> str:
    numbers = {message.__name__: number for number, pair in enumerate(rounds()) for message in pair}
    return f"{numbers[name]} {name}" if name in numbers else name


def _element_rows() -> Iterable[str]:
    for element in ELEMENTS.values():
        title = BOUNDARIES[element.boundary].partition(":")[0]
        yield f"| {element.name} | {element.kind} | {title} | {f'`{element.where}`' if element.where else '-'} |"


def _flow_rows() -> Iterable[str]:
    for flow in flows():
        name = f"**`{flow.name}`**" if flow.crosses else f"`{flow.name}`"
        threats = ", ".join(f"TM-{number}" for number in flow.threats)
        source, target = ELEMENTS[flow.source].name, ELEMENTS[flow.target].name
        yield f"| {name} | {source} | {target} | {', '.join(flow.carries)} | {threats} |"


def _categories(stated: Iterable[Claim]) -> Iterable[str]:
    """Threats by category, as each claim states them; nothing while no threat has a module."""
    by_category = {
        category: ", ".join(claim.id for claim in stated if category in {*claim.linddun, *claim.stride})
        for category in (*Linddun, *Stride)
    }
    if not any(by_category.values()):
        return
    yield "\n## Threats by category\n\n| | category | threats |\n|---|---|---|"
    for category, numbers in by_category.items():
        yield f"| {type(category).__name__.upper()} | {category} | {numbers or '-'} |"
