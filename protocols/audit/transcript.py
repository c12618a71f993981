"""What an adversary that runs the server saw of one session, as a value and as a JSON file.

TRS-1  A transcript holds messages and nothing else: no client's secret can be in it but what a message carries, and
       that is shares in boxes and the shares which clients released.
TRS-2  Masked vectors are left out of the file: it tells which sums the server can compute, and no coordinate of them.
TRS-3  One text for each transcript: decoding accepts exactly what encoding produces.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Self, TypeAlias

from ..errors import InvalidDataError, MalformedMessageError, ParametersError
from ..params import DIGEST_SIZE, SessionParams
from ..secagg.messages import MaskedInputResponse
from ..speakonce.messages import SpeakRequest, SpeakResponse
from ..speakonce.params import WindowParams

FORMATS: Mapping[str, type[SessionParams] | type[WindowParams]] = MappingProxyType(
    {"secagg-transcript/1": SessionParams, "speakonce-transcript/1": WindowParams}
)
"""First entry of every transcript file: what kind of session it is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OmittedInput:
    """What a client uploads, a MaskedInputResponse or a SpeakResponse, without its vectors.

    Attributes:
        header: What came before them, from the tag on.
        size: Number of bytes that followed.
        digest: SHA-256 of them, 32 bytes.
    """

    header: bytes
    size: int
    digest: bytes


Response: TypeAlias = bytes | OmittedInput | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One client's turn.

    Attributes:
        index: The client's position in the roster.
        request: What the server sent.
        response: What came back; None if nothing did, be it that the client refused or that it vanished.
    """

    index: int
    request: bytes
    response: Response


@dataclass(frozen=True, slots=True)
class Transcript:
    """One session as the server saw it.

    Attributes:
        params: What the session was announced as.
        exchanges: All turns of all clients, in order of time.

    Raises:
        ParametersError: an exchange with a client that is not in the roster.
    """

    params: SessionParams | WindowParams
    exchanges: tuple[Exchange, ...]

    def __post_init__(self) -> None:
        for number, exchange in enumerate(self.exchanges):
            if type(exchange.index) is not int or not 0 <= exchange.index < self.params.clients:
                raise ParametersError(
                    f"exchange {number}, index: {exchange.index!r} is no client, there are {self.params.clients}"
                )

    def encode(self) -> bytes:
        """Returns the canonical JSON text; masked vectors are reduced to their size and SHA-256."""
        content = {
            "format": next(name for name, kind in FORMATS.items() if isinstance(self.params, kind)),
            "params": self.params.encode().hex(),
            "exchanges": [
                {
                    "index": exchange.index,
                    "request": exchange.request.hex(),
                    "response": _encode_response(omit_input(exchange.request, exchange.response)),
                }
                for exchange in self.exchanges
            ],
        }
        return json.dumps(content, indent=1).encode("ascii") + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Reads the canonical JSON text.

        Raises:
            MalformedMessageError: not a transcript; names the exchange and the field.
        """
        try:
            content: object = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise MalformedMessageError(f"transcript: not JSON: {error}") from error
        match content:
            case {"format": format_, "params": params, "exchanges": list(exchanges)}:
                if not isinstance(format_, str) or format_ not in FORMATS:
                    raise MalformedMessageError(f"transcript, format: {format_!r} is not one of {', '.join(FORMATS)}")
            case _:
                raise MalformedMessageError("transcript: format, params and a list of exchanges are needed")
        try:
            transcript = cls(
                params=FORMATS[format_].decode(_bytes(params, "transcript, params")),
                exchanges=tuple(_decode_exchange(number, exchange) for number, exchange in enumerate(exchanges)),
            )
        except ParametersError as error:
            raise MalformedMessageError(str(error)) from error
        if transcript.encode() != data:
            raise MalformedMessageError("transcript: not the canonical text of its content")
        return transcript


def omit_input(request: bytes, response: Response) -> Response:
    """Leaves the vectors out of a MaskedInputResponse or SpeakResponse.

    Args:
        request: What was answered.
        response: The answer; any other comes back unchanged.
    """
    if type(response) is not bytes:
        return response
    size = _opening_size(request, response)
    if size is None or len(response) <= size:
        return response
    vectors = memoryview(response)[size:]
    return OmittedInput(header=response[:size], size=len(vectors), digest=sha256(vectors).digest())


def _opening_size(request: bytes, response: bytes) -> int | None:
    """Bytes of an upload before its vectors; None for any other message."""
    if response[:1] == bytes((MaskedInputResponse.TAG,)):
        return MaskedInputResponse.opening_size(response)
    if response[:1] == bytes((SpeakResponse.TAG,)):
        return _opening_size_in_window(request)
    return None


@lru_cache(maxsize=1)
def _opening_size_in_window(request: bytes) -> int | None:
    """The same for whoever speaks in a window; all clients are asked alike."""
    try:
        return SpeakResponse.opening_size(SpeakRequest.decode(request).params)
    except InvalidDataError:
        return None


def _encode_response(response: Response) -> object:
    if isinstance(response, OmittedInput):
        return {"header": response.header.hex(), "omitted_bytes": response.size, "sha256": response.digest.hex()}
    return None if response is None else response.hex()


def _decode_exchange(number: int, content: object) -> Exchange:
    match content:
        case {"index": int(index), "request": request, "response": response}:
            asked = _bytes(request, f"exchange {number}, request")
            answered = _decode_response(asked, response, f"exchange {number}, response")
            return Exchange(index=index, request=asked, response=answered)
        case _:
            raise MalformedMessageError(f"exchange {number}: a number as index, request and response are needed")


def _decode_response(request: bytes, content: object, place: str) -> Response:
    match content:
        case None:
            return None
        case {"header": header, "omitted_bytes": int(size), "sha256": digest}:
            omitted = OmittedInput(
                header=_bytes(header, f"{place}, header"), size=size, digest=_bytes(digest, f"{place}, sha256")
            )
        case _:
            return _bytes(content, place)
    if len(omitted.header) != _opening_size(request, omitted.header):
        raise MalformedMessageError(f"{place}, header: only the vectors of an upload are left out")
    if type(omitted.size) is not int or omitted.size < 1 or len(omitted.digest) != DIGEST_SIZE:
        raise MalformedMessageError(f"{place}: omitted_bytes is at least 1, and sha256 has {DIGEST_SIZE} bytes")
    return omitted


def _bytes(content: object, place: str) -> bytes:
    try:
        if isinstance(content, str):
            return bytes.fromhex(content)
    except ValueError:
        pass
    raise MalformedMessageError(f"{place}: hexadecimal digits are needed")
