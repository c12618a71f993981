"""vectors/params.json: the parameters of a session."""

from .cases import Cases, Json
from .independent import encode_params
from .materials import DIGESTS, fixed_hex, identity_hex, params_of, vector

_NOTHING = "00" * 32
_BASE = params_of(4)


def params() -> Json:
    cases = Cases(
        "Parameters of a session. `params` makes them from their fields, `decode_params` reads their encoding. Where a "
        "refused set of fields has an encoding at all, that encoding is refused too, as malformed.",
        **_BASE,
    )
    _good(cases)
    _refused_sets(cases)
    _refused_encodings(cases)
    return cases.file()


def _good(cases: Cases) -> None:
    many = [vector(f"v{number}", 1, 8, 1) for number in range(255)]
    for comment, fields in (
        ("two clients, the fewest there can be", params_of(2, threshold=1, min_survivors=2)),
        ("three clients: one leaf of the roster's tree moves up unchanged", params_of(3)),
        ("complete graph of four", params_of(4)),
        ("complete graph of five, one of them corrupt", params_of(5, corrupt=1)),
        ("seven clients in a sparse graph", params_of(7, degree=4)),
        ("a sparse graph with a low threshold, which policies judge", params_of(7, degree=4, threshold=2)),
        ("without model, architecture, anchors, privacy parameters, training and log", params_of(4, **_no_digests())),
        ("two vectors of different widths", params_of(4, vectors=[vector("head", 3, 11, 255), vector("x", 2, 40, 9)])),
        ("a name of 63 characters, and every kind of character", params_of(4, vectors=[vector("a0_." + "z" * 59)])),
        ("the first session", params_of(4, session=1)),
        ("the last session", params_of(4, session=f"{2**64 - 1:#x}")),
        ("the first iteration", params_of(4, iteration=1)),
        ("the last iteration", params_of(4, iteration=f"{2**64 - 1:#x}")),
        ("8 bits hold four times 31", params_of(4, vectors=[vector(modulus_bits=8, max_abs_input=31)])),
        (
            "64 bits hold four times 2^61 - 1",
            params_of(4, vectors=[vector(modulus_bits=64, max_abs_input=f"{2**61 - 1:#x}")]),
        ),
        ("the longest vector", params_of(4, vectors=[vector(length=2**32 - 1)])),
        ("the highest threshold and everybody must survive", params_of(5, threshold=4, min_survivors=5)),
        ("as many corrupt clients as leave two honest ones", params_of(5, corrupt=3, threshold=4, min_survivors=5)),
    ):
        cases.good(comment, "params", **_changes(fields))
    several = params_of(5, degree=4, vectors=[vector("head", 3, 11, 204), vector("x", 2, 64, f"{2**60:#x}")])
    for comment, fields in (
        ("two vectors", several),
        ("no digests", params_of(2, threshold=1, min_survivors=2, **_no_digests())),
    ):
        cases.good(comment, "decode_params", encoding=encode_params(fields).hex())
    most = encode_params(params_of(2, threshold=1, min_survivors=2, vectors=many)).hex()
    cases.good("255 vectors, the most there can be", "decode_params", encoding=most)


def _refused_sets(cases: Cases) -> None:
    many = [vector(f"v{number}", 1, 8, 1) for number in range(256)]
    twin = [identity_hex(0), identity_hex(1), identity_hex(2), identity_hex(0)]
    for comment, fields in (
        ("PAR-2: fewer survivors than confirm one set: five of nine", params_of(9, degree=4, min_survivors=4)),
        ("PAR-2: the same with corrupt clients", params_of(9, degree=4, corrupt=2, min_survivors=5)),
        ("PAR-3: complete graph, twice the threshold is the degree", params_of(5, threshold=2)),
        ("PAR-3: complete graph, twice the threshold is degree plus corrupt", params_of(4, corrupt=1, threshold=2)),
        ("PAR-3: a sparse graph of odd degree", params_of(7, degree=3, threshold=2)),
        ("PAR-4: four times 32 overflows 8 bits", params_of(4, vectors=[vector(modulus_bits=8, max_abs_input=32)])),
        (
            "PAR-4: four times 2^61 overflows 64 bits",
            params_of(4, vectors=[vector(modulus_bits=64, max_abs_input=f"{2**61:#x}")]),
        ),
        ("PAR-4: the second of two vectors overflows", params_of(4, vectors=[vector("a"), vector("b", 1, 24, 2**21)])),
        ("PAR-5: one honest vector in a sum", params_of(4, degree=2, threshold=2, corrupt=3, min_survivors=4)),
        ("version 0", params_of(version=0)),
        ("version 1", params_of(version=1)),
        ("version 3", params_of(version=3)),
        ("session 0", params_of(session=0)),
        ("iteration 0", params_of(iteration=0)),
        ("one client", params_of(2, identities=[identity_hex(0)], degree=1, threshold=1, min_survivors=2)),
        ("degree 0", params_of(degree=0, threshold=1)),
        ("more neighbors than there are others", params_of(4, degree=4, threshold=3)),
        ("threshold 0", params_of(threshold=0, min_survivors=3)),
        ("a threshold above the degree", params_of(7, degree=4, threshold=5)),
        ("more corrupt clients than clients", params_of(4, corrupt=5, threshold=3, min_survivors=4)),
        ("no more survivors than the threshold", params_of(5, threshold=4, min_survivors=4)),
        ("more survivors than clients", params_of(4, min_survivors=5)),
        ("no vector", params_of(vectors=[])),
        ("two vectors of one name", params_of(vectors=[vector("a"), vector("a", 2)])),
        ("a vector without a name", params_of(vectors=[vector("")])),
        ("a name of 64 characters", params_of(vectors=[vector("a" * 64)])),
        ("a name with a capital letter", params_of(vectors=[vector("Update")])),
        ("a name that starts with a digit", params_of(vectors=[vector("0update")])),
        ("a name with a space", params_of(vectors=[vector("up date")])),
        ("a name that ends with a line feed", params_of(vectors=[vector("update\n")])),
        ("a name with a letter beyond ASCII", params_of(vectors=[vector("upd\u00e4te")])),
        ("a vector without coordinates", params_of(vectors=[vector(length=0)])),
        ("7 bits", params_of(vectors=[vector(modulus_bits=7, max_abs_input=1)])),
        ("65 bits", params_of(vectors=[vector(modulus_bits=65)])),
        ("a bound of 0", params_of(vectors=[vector(max_abs_input=0)])),
        ("a bound of 2^63", params_of(vectors=[vector(modulus_bits=64, max_abs_input=f"{2**63:#x}")])),
        ("one client twice", params_of(identities=twin)),
    ):
        cases.refused("ParametersError", comment, "params", **_changes(fields))
        encoding = encode_params(fields).hex()
        cases.refused("MalformedMessageError", f"{comment}: its encoding", "decode_params", encoding=encoding)
    for comment, fields in (
        ("256 vectors", params_of(2, threshold=1, min_survivors=2, vectors=many)),
        ("a length of 2^32", params_of(vectors=[vector(length=2**32)])),
        ("a negative length", params_of(vectors=[vector(length=-1)])),
        ("a negative bound", params_of(vectors=[vector(max_abs_input=-1)])),
        ("session 2^64", params_of(session=f"{2**64:#x}")),
        ("a negative session", params_of(session=-1)),
        ("a server's key of 31 bytes", params_of(server_key=fixed_hex("server", 0, 31))),
        ("no server's key", params_of(server_key="")),
        ("iteration 2^64", params_of(iteration=f"{2**64:#x}")),
        ("a negative iteration", params_of(iteration=-1)),
        ("a negative number of corrupt clients", params_of(corrupt=-1, threshold=2, min_survivors=3)),
        ("an identity of 31 bytes", params_of(identities=[*twin[:3], fixed_hex("identity", 3, 31)])),
        ("an identity of 33 bytes", params_of(identities=[*twin[:3], fixed_hex("identity", 3, 33)])),
        *((f"{name} of 31 bytes", params_of(**{name: fixed_hex(name, 0, 31)})) for name in _no_digests()),
        *((f"{name} of 33 bytes", params_of(**{name: fixed_hex(name, 0, 33)})) for name in _no_digests()),
        ("an empty digest stands for nothing: only 32 zero bytes do", params_of(privacy_digest="")),
    ):
        cases.refused("ParametersError", comment, "params", **_changes(fields))


def _refused_encodings(cases: Cases) -> None:
    fields = params_of(4, vectors=[vector("head", 3, 11, 255), vector("x", 2, 40, 9)])
    good = encode_params(fields)
    roster = len(good) - 4 * 32 - 4  # where the number of identities stands
    for comment, data in (
        ("nothing", b""),
        ("the version alone", good[:2]),
        ("cut inside the session", good[:9]),
        ("cut inside the iteration", good[:17]),
        ("cut inside the server's key", good[:49]),
        ("cut before the vectors", good[:51]),
        ("cut inside a vector's name", good[:54]),
        ("cut inside a digest", good[: roster - 1]),
        ("cut before the number of identities", good[:roster]),
        ("cut inside the last identity", good[:-1]),
        ("without the last identity", good[:-32]),
        ("one byte left over", good + b"\0"),
        ("one identity more than announced", good + bytes.fromhex(identity_hex(4))),
        ("one identity fewer announced", good[:roster] + (3).to_bytes(4, "big") + good[roster + 4 :]),
        ("2^32 - 1 identities announced", good[:roster] + b"\xff" * 4 + good[roster + 4 :]),
        ("three vectors announced, two there", good[:50] + b"\3" + good[51:]),
        ("one vector announced, two there", good[:50] + b"\1" + good[51:]),
        ("no vector announced, two there", good[:50] + b"\0" + good[51:]),
        ("a name longer than it is", good[:51] + b"\5" + good[52:]),
        ("a name of 255 bytes announced", good[:51] + b"\xff" + good[52:]),
        ("a name with a byte beyond ASCII", good[:52] + b"\xe4" + good[53:]),
    ):
        cases.refused("MalformedMessageError", comment, "decode_params", encoding=data.hex())


def _changes(fields: Json) -> Json:
    """What is not as in the parameters that all cases share."""
    return {name: value for name, value in fields.items() if _BASE[name] != value}


def _no_digests() -> dict[str, str]:
    return dict.fromkeys(DIGESTS, _NOTHING)
