"""A platform's door as a test scripts it: real TLS on loopback, an envelope in, whatever the test wants out."""

import http.server
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fedstyle_secure.wire.routes import Status
from fedstyle_secure.wire.tls import (
    encode_certificate,
    encode_key,
    make_authority,
    make_certificate,
    make_key,
    server_context,
)


class Authority:
    """Who vouches for a street's certificate."""

    def __init__(self):
        self.key = make_key()
        self.certificate = make_authority(self.key, "a test")
        self.pem = encode_certificate(self.certificate).decode()

    def vouch(self, folder, *, hosts=("127.0.0.1",), valid=None):
        """Files of a certificate and its key; `valid` shifts when it is valid, in days from now."""
        key = make_key()
        certificate = make_certificate(key, hosts, authority=self.certificate, authority_key=self.key)
        if valid is not None:
            certificate = self._shift(certificate, valid)
        folder.mkdir(exist_ok=True)
        (folder / "certificate.pem").write_bytes(encode_certificate(certificate))
        (folder / "key.pem").write_bytes(encode_key(key))
        return folder / "certificate.pem", folder / "key.pem"

    def _shift(self, certificate, valid):
        builder = x509.CertificateBuilder().subject_name(certificate.subject).issuer_name(certificate.issuer)
        builder = builder.public_key(certificate.public_key()).serial_number(certificate.serial_number)
        now = datetime.now(UTC)
        builder = builder.not_valid_before(now + timedelta(days=valid[0]))
        builder = builder.not_valid_after(now + timedelta(days=valid[1]))
        for extension in certificate.extensions:
            builder = builder.add_extension(extension.value, critical=extension.critical)
        return builder.sign(self.key, hashes.SHA256())


class Street:
    """What a test put on the way, and what came by.

    Attributes:
        came: (path, body) of every call.
        scripted: For a path, answers (status, body, headers) that are given first, one each.
        answer: What answers a call that nothing is scripted for: (path with its query, body) -> (status, body).
    """

    def __init__(self):
        self.came = []
        self.scripted = {}
        self.answer = lambda _path, _body: (Status.NOTHING, b"")
        self.address = ""

    def calls(self, path):
        return [body for where, body in self.came if where == path]


@contextmanager
def open_street(folder, authority, **vouched):
    """A street that is open while the block runs."""
    street, lock = Street(), threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.do_POST()

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            with lock:
                street.came.append((path, body))
                waiting = street.scripted.get(path) or []
                status, content, headers = waiting.pop(0) if waiting else (*street.answer(self.path, body), {})
            if status is None:  # hang up
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = server_context(*authority.vouch(folder, **vouched)).wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # whoever does not trust the certificate hangs up
    street.address = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield street
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
