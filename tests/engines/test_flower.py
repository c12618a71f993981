"""The engine over Flower: a real fleet and real nodes on loopback; letters, and nothing else, whatever nodes do."""

import http.client
import ssl
import threading
import time
from base64 import b64encode
from contextlib import closing, contextmanager

import pytest

pytest.importorskip("flwr", reason="needs the extra `flower`, in an environment of its own: make test-engines")

import uvicorn
from flwr.app import ConfigRecord, RecordDict
from flwr.common.constant import NOOP_ACCOUNT_NAME, NOOP_FLWR_AID, SUPERLINK_NODE_ID
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    PullMessagesRequest,
    RegisterNodeFleetRequest,
    UnregisterNodeFleetRequest,
)
from flwr.proto.node_pb2 import Node
from flwr.supercore.constant import NOOP_FEDERATION_ID, TaskType
from flwr.supercore.inflatable.inflatable_object import add_header_to_object_body
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.grid.http_grid import HttpGrid
from flwr.superlink.main import create_app
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from fedstyle_secure.engines.courier import Wait, Window
from fedstyle_secure.engines.flower import fleet as fleet_module
from fedstyle_secure.engines.flower import node as node_module
from fedstyle_secure.engines.flower.channel import Credentials
from fedstyle_secure.engines.flower.fleet import Fleet
from fedstyle_secure.engines.flower.local import open_local
from fedstyle_secure.engines.flower.mail import GridJournal, pack, unpack
from fedstyle_secure.engines.flower.node import SuperLink, run_node
from fedstyle_secure.engines.http import HttpEngine
from fedstyle_secure.engines.kept import KeptJournal
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.server.iterations import Windows
from protocols import Envelope

HERE = "127.0.0.1"
PATIENT = Wait(deadline=120.0, enough=3, grace=120.0)


class Federation:
    """A SuperLink's folder, and nodes whose answers a test chooses."""

    def __init__(self, folder, count=3):
        self.folder = folder
        self.superlink = self.credentials("superlink", HERE)
        self.nodes = [self.credentials(f"node {number}", f"node-{number}") for number in range(count)]
        self.keys = {f"{number}/box": node.public_key for number, node in enumerate(self.nodes)}
        self.port = 0

    def credentials(self, name, host):
        made = Credentials.make(host)
        made.save(self.folder / name)
        return Credentials.load(self.folder / name)

    @contextmanager
    def engine(self):
        with (
            KeptJournal(self.folder / "journal.sqlite") as kept,
            Fleet(HERE, 0, self.folder / "superlink", [node.certificate for node in self.nodes]) as fleet,
        ):
            self.port, self.fleet, self.kept = fleet.port, fleet, kept
            yield HttpEngine(GridJournal(fleet.grid, kept, self.keys))

    @contextmanager
    def node(self, number, answer):
        leave = threading.Event()
        arguments = (self.pinned(number), self.nodes[number], answer, leave)
        thread = threading.Thread(target=run_node, args=arguments)
        thread.start()
        try:
            yield
        finally:
            leave.set()
            thread.join()

    def pinned(self, number):
        folder = self.folder / f"node {number}"
        return SuperLink.pinned(f"{HERE}:{self.port}", folder, self.superlink.certificate)

    def connection(self):
        """Of the first node, without Flower's client."""
        context = self.pinned(0).context
        return closing(http.client.HTTPSConnection(HERE, self.port, context=context, timeout=30))

    def client(self, number, speaks_as=None):
        key = self.nodes[number if speaks_as is None else speaks_as].key
        interceptor = NodeAuthHttpInterceptor(key, key.public_key())
        return FleetHttpClient(
            f"https://{HERE}:{self.port}", interceptors=[interceptor], verify=self.pinned(number).context
        )


@pytest.fixture
def federation(tmp_path):
    return Federation(tmp_path)


def upper(_mailbox, letter):
    return letter.upper()


REQUESTS = {"0/box": b"one", "1/box": b"two", "2/box": b"three"}


def test_letters_reach_nodes_and_a_refusal_is_not_waited_for(federation):
    heard = []

    def refuse(mailbox, letter):
        heard.append((mailbox, letter))

    with (
        federation.engine() as engine,
        federation.node(0, upper),
        federation.node(1, refuse),
        federation.node(2, upper),
    ):
        found = dict(engine.exchange(REQUESTS, name="x", wait=PATIENT))
        assert found == {"0/box": b"ONE", "2/box": b"THREE"}
        assert heard == [("1/box", b"two")]
        assert dict(engine.exchange(REQUESTS, name="x", wait=PATIENT)) == found  # closed: nobody is asked
        assert heard == [("1/box", b"two")]


def test_who_is_away_is_no_reply_and_the_round_goes_on(federation):
    with federation.engine() as engine, federation.node(0, upper), federation.node(1, upper):
        wait = Wait(deadline=120.0, enough=2, grace=0.5)
        assert set(dict(engine.exchange(REQUESTS, name="x", wait=wait))) == {"0/box", "1/box"}


def test_flo3_who_went_away_with_a_letter_and_came_back_is_asked_again(federation):
    letters = []

    def die_once(_mailbox, letter):
        letters.append(letter)
        if len(letters) == 1:
            raise OSError("this process was killed")
        return letter.upper()

    with federation.engine() as engine, federation.node(0, die_once):
        assert dict(engine.exchange({"0/box": b"one"}, name="x", wait=PATIENT)) == {"0/box": b"ONE"}
    assert letters == [b"one", b"one"]


def test_htt2_a_superlink_that_was_killed_goes_on_and_asks_only_who_had_not_answered(federation):
    asked = []

    def noted(mailbox, letter):
        asked.append(mailbox)
        return letter.upper()

    with federation.engine() as engine, federation.node(0, noted):
        replies = engine.exchange(REQUESTS, name="x", wait=PATIENT)
        assert next(replies) == ("0/box", b"ONE")
    with federation.engine() as engine, federation.node(1, noted), federation.node(2, noted), federation.node(0, noted):
        assert dict(engine.exchange(REQUESTS, name="x", wait=PATIENT)) == {
            "0/box": b"ONE",
            "1/box": b"TWO",
            "2/box": b"THREE",
        }
    assert sorted(asked) == ["0/box", "1/box", "2/box"]


@pytest.mark.parametrize(
    "content",
    [
        RecordDict(),
        RecordDict({"letter": ConfigRecord({"letter": b"x"})}),
        RecordDict({"letter": ConfigRecord({"letter": "x", "mailbox": ""})}),
        RecordDict({"letter": ConfigRecord({"letter": b"x", "mailbox": "", "code": b"y"})}),
        RecordDict({"letter": ConfigRecord({"letter": b"x", "mailbox": ""}), "model": ConfigRecord({"a": 1})}),
    ],
)
def test_flo1_what_is_more_or_less_than_a_letter_is_none(content):
    assert unpack(content) is None
    assert unpack(pack(b"x", "a/box")) == (b"x", "a/box")


def test_flo2_nonsense_from_a_node_is_nothing_and_ends_nothing(federation, monkeypatch):
    def odd(_letter, _mailbox=""):
        return RecordDict({"model": ConfigRecord({"weights": b"x"})})

    deflate = ConfigRecord.deflate
    with federation.engine() as engine:
        monkeypatch.setattr(node_module, "pack", odd)
        with federation.node(0, upper):
            assert dict(engine.exchange({"0/box": b"one"}, name="x", wait=PATIENT)) == {}
        monkeypatch.undo()

        def broken(record):
            return add_header_to_object_body(b"\xff", record) if record["mailbox"] == "" else deflate(record)

        monkeypatch.setattr(ConfigRecord, "deflate", broken)
        with federation.node(1, upper):
            assert dict(engine.exchange({"1/box": b"two"}, name="y", wait=PATIENT)) == {}
        monkeypatch.undo()
        with federation.node(2, upper):
            assert dict(engine.exchange({"2/box": b"three"}, name="z", wait=PATIENT)) == {"2/box": b"THREE"}


def test_fle2_half_an_answer_holds_nobody_up(federation, monkeypatch):
    honest = FleetHttpClient.PushObject
    stuck = threading.Event()

    def push(client, request):
        if client in halves:
            stuck.set()
            raise OSError("this process was killed")
        return honest(client, request)

    halves = []
    enter = FleetHttpClient.__enter__

    def entered(client):
        if len(halves) == 0:
            halves.append(client)
        return enter(client)

    monkeypatch.setattr(FleetHttpClient, "PushObject", push)
    monkeypatch.setattr(FleetHttpClient, "__enter__", entered)
    with federation.engine() as engine, federation.node(0, upper):
        deadline = time.monotonic() + 30
        while not halves and time.monotonic() < deadline:
            time.sleep(0.01)
        with federation.node(1, upper):
            begun = time.monotonic()
            requests = {"0/box": b"one", "1/box": b"two"}
            found = dict(engine.exchange(requests, name="x", wait=Wait(deadline=60.0, enough=1, grace=2.0)))
            assert found == {"1/box": b"TWO"}
            assert stuck.wait(60)
            assert time.monotonic() - begun < 60


# The door


def refused(call):
    with pytest.raises(Exception) as refusal:  # noqa: PT011 - of several libraries
        call()
    return getattr(getattr(refusal.value, "response", None), "status_code", type(refusal.value).__name__)


def test_cha1_a_node_speaks_to_the_superlink_that_it_pinned_and_to_no_other(federation):
    """Another fleet, of somebody who knows all nodes' certificates, at the same address."""
    impostor = Federation(federation.folder / "impostor", count=0)
    impostor.nodes = federation.nodes
    with impostor.engine():
        federation.port = impostor.port
        wanted = ActivateNodeRequest(public_key=federation.nodes[0].public_key, heartbeat_interval=30)
        with federation.client(0) as client:
            assert refused(lambda: client.ActivateNode(wanted)) in {"ConnectError", "SSLError"}


def test_nod1_a_node_fetches_letters_and_nothing_that_could_run(federation, monkeypatch):
    asked, honest = set(), fleet_module._AsItself.__call__

    async def noted(door, scope, receive, send):
        asked.add(scope["path"])
        await honest(door, scope, receive, send)

    monkeypatch.setattr(fleet_module._AsItself, "__call__", noted)
    with federation.engine() as engine, federation.node(0, upper):
        assert dict(engine.exchange({"0/box": b"one"}, name="x", wait=PATIENT)) == {"0/box": b"ONE"}
    messages = {"pull-messages", "pull-object", "confirm-message-received", "push-messages", "push-object"}
    presence = {"activate-node", "deactivate-node", "send-node-heartbeat"}
    assert asked <= {f"/v1/fleet/{each}" for each in messages | presence}
    assert asked >= {f"/v1/fleet/{each}" for each in messages}


def test_fle1_nobody_speaks_without_an_enrolled_certificate(federation):
    with federation.engine():
        stranger = Federation(federation.folder / "stranger", count=1)
        stranger.port = federation.port
        stranger.superlink = federation.superlink
        wanted = ActivateNodeRequest(public_key=stranger.nodes[0].public_key, heartbeat_interval=30)
        with stranger.client(0) as client:
            assert refused(lambda: client.ActivateNode(wanted)) in {"ReadError", "RemoteProtocolError", "ConnectError"}
        context = ssl.create_default_context(cadata=federation.superlink.pem.decode())
        connection = http.client.HTTPSConnection(HERE, federation.port, context=context, timeout=30)

        def call():
            connection.request("POST", "/v1/fleet/pull-messages", b"")
            connection.getresponse()

        assert refused(call) in {"SSLError", "ConnectionResetError", "RemoteDisconnected", "BrokenPipeError"}
        connection.close()


def test_fle1_a_node_speaks_as_itself_alone(federation):
    with federation.engine(), federation.client(0) as own, federation.client(0, speaks_as=1) as other:
        first, second = (node.public_key for node in federation.nodes[:2])
        assert refused(lambda: other.ActivateNode(ActivateNodeRequest(public_key=second, heartbeat_interval=30))) == 401
        assert refused(lambda: own.ActivateNode(ActivateNodeRequest(public_key=second, heartbeat_interval=30))) == 401
        node_id = own.ActivateNode(ActivateNodeRequest(public_key=first, heartbeat_interval=30)).node_id
        state = federation.fleet._factory.state()
        theirs = state.get_node_id_by_public_key(second)
        assert node_id != theirs
        assert own.PullMessages(PullMessagesRequest(node=Node(node_id=node_id))).messages_list == []
        assert refused(lambda: own.PullMessages(PullMessagesRequest(node=Node(node_id=theirs)))) == 401


def test_fle2_what_is_too_long_is_refused_unread(federation, monkeypatch):
    monkeypatch.setattr(fleet_module, "LONGEST", 1000)
    with federation.engine():
        key = b64encode(federation.nodes[0].public_key).decode()
        for headers, status in (({"Content-Length": "1001"}, 413), ({"Content-Length": "x"}, 400)):
            with federation.connection() as connection:
                connection.putrequest("POST", "/v1/fleet/pull-messages")
                for name, value in ({fleet_module.FLEET_HTTP_PUBLIC_KEY_HEADER: key} | headers).items():
                    connection.putheader(name, value)
                connection.endheaders()
                assert connection.getresponse().status == status


def test_fle3_nobody_registers_or_unregisters(federation):
    with federation.engine(), federation.client(0) as client:
        key = federation.nodes[0].public_key
        assert refused(lambda: client.RegisterNode(RegisterNodeFleetRequest(public_key=key))) == 412
        node_id = client.ActivateNode(ActivateNodeRequest(public_key=key, heartbeat_interval=30)).node_id
        assert refused(lambda: client.UnregisterNode(UnregisterNodeFleetRequest(node_id=node_id))) == 412


@pytest.mark.parametrize(
    "path", ["/v1/control/start-run", "/v1/runtime/push-messages", "/v1/responses", "/docs", "/openapi.json", "/health"]
)
def test_a_fleet_has_no_other_routes(federation, path):
    with federation.engine():
        key = b64encode(federation.nodes[0].public_key).decode()
        headers = {fleet_module.FLEET_HTTP_PUBLIC_KEY_HEADER: key, "Content-Type": PROTOBUF_MEDIA_TYPE}
        for method in ("GET", "POST"):
            with federation.connection() as connection:
                connection.request(method, path, b"", headers | {"Content-Length": "0"})
                assert connection.getresponse().status == 404


# The protocol over it


def test_ope1_the_sums_are_those_of_the_embedded_engine_and_all_that_passes_are_envelopes(town, monkeypatch):
    """ENG-1: what the fleet is given, and what it gives, are letters sealed by the platform or by the artist asked."""
    passed = []
    honest = GridJournal._keep

    def noted(journal, mailbox, letter):
        passed.append((mailbox, journal._requests.get(mailbox), letter))
        honest(journal, mailbox, letter)

    monkeypatch.setattr(GridJournal, "_keep", noted)
    changes = {"clients": 5, "min_survivors": 5, "multipliers": (0.0,)}
    federation = town.federation(**changes)
    window = Window(deadline=300.0, grace=300.0)
    with open_local(federation.engine) as engine:
        (over,) = federation.loop(engine=engine, windows=Windows(announcement=window, round=window))
    (within,) = type(federation)(folder=federation.folder / "again", **changes).run()
    assert over.problem == ""
    assert (over.aggregate.digest, over.aggregate.survivors) == (within.aggregate.digest, 5)
    assert len(passed) == 6 * 5
    for mailbox, request, reply in passed:
        number = int(mailbox.split("/")[0].split()[1])
        sent, said = Envelope.claims(request), Envelope.claims(reply)
        Envelope.open(request, sender=town.SERVER_KEY, recipient=town.public_key(number), purpose=sent.purpose)
        Envelope.open(reply, sender=town.public_key(number), recipient=town.SERVER_KEY, purpose=said.purpose)


def test_a_mistake_of_ours_in_a_mailbox_is_not_silence():
    def broken(_request):
        raise LookupError("a bug")

    with (
        pytest.raises(LookupError, match="a bug"),
        open_local(MemoryEngine({"a/box": broken})) as engine,
    ):
        dict(engine.exchange({"a/box": b"x"}, name="x", wait=PATIENT))


# On a SuperLink that others operate


@contextmanager
def stock_superlink(federation):
    """Flower's own SuperLink with all its APIs, a run in it as `flwr run` makes one, and the grid of its ServerApp."""
    stock = create_app()
    state = stock.state.linkstate_factory.state()
    for node in federation.nodes:
        state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, node.public_key, 0)
    run_id = state.create_run(None, None, None, {}, NOOP_FEDERATION_ID, None, NOOP_FLWR_AID, TaskType.SERVER_APP)
    (run,) = state.get_run_info(run_ids=[run_id])
    token = state.claim_task(run.primary_task_id)
    assert state.activate_task(run.primary_task_id)
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = run.primary_task_id, run_id, SUPERLINK_NODE_ID
    own = federation.folder / "superlink"
    config = uvicorn.Config(
        stock,
        host=HERE,
        port=0,
        ws="none",
        log_config=None,
        ssl_keyfile=own / "key.pem",
        ssl_certfile=own / "certificate.pem",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 60
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        federation.port = server.servers[0].sockets[0].getsockname()[1]
        grid = HttpGrid(f"{HERE}:{federation.port}", root_certificates=federation.superlink.pem, token=token)
        grid.set_run(run)
        yield grid
        grid._disconnect()
    finally:
        server.should_exit = True
        thread.join()


def test_letters_go_over_a_stock_superlink_too(federation):
    with stock_superlink(federation) as grid, KeptJournal(federation.folder / "journal.sqlite") as kept:
        engine = HttpEngine(GridJournal(grid, kept, federation.keys))
        with federation.node(0, upper), federation.node(1, lambda *_: None), federation.node(2, upper):
            found = dict(engine.exchange(REQUESTS, name="x", wait=PATIENT))
    assert found == {"0/box": b"ONE", "2/box": b"THREE"}
