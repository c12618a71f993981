"""A job's process: no network, no files but the programs that it is made of, no secrets, and an end.

SBX-1  Where bubblewrap is missing, or may not make such a place here, nothing is run unless the artist says so.
SBX-2  What goes in is the request, the terms of the release and the features; what comes out is the answer's numbers,
       as many as asked for and finite, and nothing else is read.
SBX-3  It ends by itself, within the time and the memory that it may have.
"""

import io
import json
import math
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from .. import canonical
from ..encoder.features import StyleFeatures
from ..errors import InputError
from .jobs import JobError, JobRequest, compute
from .termsfile import StandingTerms

BUBBLEWRAP: Final = "bwrap"
SECONDS: Final = 120
MEMORY: Final = 4 << 30
"""Bytes of address space."""
_LARGEST_ANSWER: Final = 1 << 16
_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache")
_INSIDE: Final = "/tmp"  # noqa: S108 - the sandbox's own
_ENTRY: Final = "from fedstyle_secure.artist.sandbox import answer_once; answer_once()"


def run_apart(
    request: JobRequest, terms: StandingTerms, features: StyleFeatures, *, without_sandbox: bool = False
) -> list[float]:
    """Compute a job's answer in a process of its own (SBX-1 to SBX-3).

    Args:
        request: What is asked for.
        terms: Of the release.
        features: Of the artist's artworks.
        without_sandbox: The artist's own decision to do without bubblewrap: the process then sees what this one sees.

    Returns:
        One noisy number for each bin.

    Raises:
        JobError: It failed; the charge stands, and the same job can be run again without another.
    """
    command = [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {_code()!r}; {_ENTRY}"]
    if not without_sandbox:
        command = [*_walls(), *command]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            command,
            input=_pack(request, terms, features),
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
            cwd="/",
            preexec_fn=_limit if without_sandbox else None,
        )
    except OSError as error:
        raise JobError(f"the job's process cannot be begun ({error}): nothing was computed") from error
    except subprocess.TimeoutExpired as error:
        raise JobError(f"the job took longer than {SECONDS} seconds: run it again, it is charged once") from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:300]
        raise JobError(f"the job's process failed ({last}): run it again, it is charged once")
    return _read_answer(done.stdout, len(request.kind.bins))


def ensure_sandbox() -> None:
    """See that jobs can be run apart, before anything is charged.

    Raises:
        InputError: bubblewrap is missing, or may not work here (SBX-1).
    """
    remedy = "install it (Debian: apt install bubblewrap), or say --without-sandbox to do without"
    if shutil.which(BUBBLEWRAP) is None:
        raise InputError(f"jobs run in bubblewrap, which is not installed: {remedy}")
    try:
        tried = subprocess.run(  # noqa: S603
            [*_walls(), "/usr/bin/true"], capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"jobs run in bubblewrap, which hangs here: {remedy}") from error
    if tried.returncode:
        said = tried.stderr.decode(errors="replace").strip()[:200]
        raise InputError(f"jobs run in bubblewrap, which may not make a place of its own here ({said}): {remedy}")


def answer_once() -> None:
    """The other end, inside: reads what `run_apart` sends, and writes the answer."""
    _limit()
    data = io.BytesIO(sys.stdin.buffer.read())
    request, terms = (data.read(int.from_bytes(data.read(4), "big")) for _ in range(2))
    asked = canonical.decode(JobRequest, request)
    features = StyleFeatures(np.load(data, allow_pickle=False))
    numbers = compute(asked, asked.mechanism(canonical.decode(StandingTerms, terms)), features, os.urandom)
    json.dump(numbers, sys.stdout)


def _pack(request: JobRequest, terms: StandingTerms, features: StyleFeatures) -> bytes:
    packed = io.BytesIO()
    for part in (request.encode(), canonical.encode(terms)):
        packed.write(len(part).to_bytes(4, "big") + part)
    np.save(packed, features.views, allow_pickle=False)
    return packed.getvalue()


def _read_answer(data: bytes, bins: int) -> list[float]:
    """The numbers of an answer, and nothing else (SBX-2)."""
    try:
        match json.loads(data[:_LARGEST_ANSWER]):
            case [*numbers] if len(numbers) == bins and all(type(each) is float for each in numbers):
                if all(map(math.isfinite, numbers)):
                    return numbers
    except (ValueError, RecursionError):
        pass
    raise JobError("the job's process gave no answer: run it again, it is charged once")


def _walls() -> list[str]:
    """The arguments of bubblewrap: programs to read, nothing to write, nobody to talk to (bwrap(1))."""
    places = dict.fromkeys([*_SYSTEM, *_programs()])
    bound = [part for place in places if Path(place).exists() for part in ("--ro-bind", place, place)]
    return [
        BUBBLEWRAP, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--clearenv", "--setenv", "OMP_NUM_THREADS", "1",
        "--tmpfs", _INSIDE, *bound, "--proc", "/proc", "--dev", "/dev", "--chdir", _INSIDE, "--",
    ]  # fmt: skip


def _code() -> list[str]:
    """Where this program and its libraries are imported from."""
    own = str(Path(__file__).resolve().parents[2])
    return [own, *(each for each in sys.path if each.endswith("-packages") and Path(each).is_dir())]


def _programs() -> list[str]:
    """Folders with Python, its libraries and this program's packages."""
    own = Path(__file__).resolve().parents[2]
    packages = [str(own / name) for name in ("fedstyle_secure", "protocols")]
    return [sys.prefix, sys.base_prefix, *(each for each in _code()[1:]), *packages]


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
