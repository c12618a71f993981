"""An agent trusts the authority of its invitation, and nobody else."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.wire import tls


def made(folder, hosts=("127.0.0.1", "localhost", "::1")):
    """An authority, and a server that listens with a certificate of it; its address and PEM."""
    authority_key, key = tls.make_key(), tls.make_key()
    authority = tls.make_authority(authority_key, "an authority")
    certificate = tls.make_certificate(key, hosts, authority=authority, authority_key=authority_key)
    folder.mkdir()
    paths = folder / "tls.pem", folder / "tls.key"
    for path, content in zip(paths, (tls.encode_certificate(certificate), tls.encode_key(key)), strict=True):
        path.write_bytes(content)
    return paths, tls.encode_certificate(authority).decode()


def greeted(paths, context, host):
    """What a client reads of a server that greets once."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with suppress(OSError), listener, listener.accept()[0] as plain:
            plain.settimeout(10)
            with tls.server_context(*paths).wrap_socket(plain, server_side=True) as channel:
                channel.sendall(b"hello")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with socket.create_connection(listener.getsockname(), timeout=10) as plain:
            if host is None:
                with context.wrap_socket(plain) as channel:
                    return channel.recv(5)
            with context.wrap_socket(plain, server_hostname=host) as channel:
                return channel.recv(5)
    finally:
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls1_the_authority_of_the_invitation_opens_the_channel(tmp_path, host):
    paths, pem = made(tmp_path / "one")
    context = tls.client_context(pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python's own default from 3.13 on
    assert greeted(paths, context, host) == b"hello"


def test_tls1_another_authority_or_host_opens_none(tmp_path):
    paths, pem = made(tmp_path / "one")
    _, other = made(tmp_path / "two")
    with pytest.raises(ssl.SSLCertVerificationError):
        greeted(paths, tls.client_context(other), "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        greeted(paths, tls.client_context(pem), "elsewhere.example")


def test_tls1_nobody_of_the_machines_own_list_is_trusted(tmp_path):
    _, pem = made(tmp_path / "one")
    assert len(tls.client_context(pem).get_ca_certs()) == 1


def test_tls1_only_who_names_no_authority_leaves_it_to_the_machines_list(tmp_path, monkeypatch):
    paths, pem = made(tmp_path / "one")
    (tmp_path / "list.pem").write_text(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "list.pem"))
    assert greeted(paths, tls.client_context(""), "127.0.0.1") == b"hello"
    with pytest.raises(ssl.SSLCertVerificationError):
        greeted(paths, tls.client_context(made(tmp_path / "two")[1]), "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        greeted(paths, tls.client_context(""), "elsewhere.example")


def test_tls1_older_versions_are_not_spoken(tmp_path):
    paths, pem = made(tmp_path / "one")
    context = tls.client_context(pem)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        greeted(paths, context, "127.0.0.1")


def test_what_is_no_certificate_is_said_so(tmp_path):
    with pytest.raises(InputError, match="ask the operator"):
        tls.client_context("no certificate")
    with pytest.raises(InputError, match="certificate and its key"):
        tls.server_context(tmp_path / "none.pem", tmp_path / "none.key")
    key = tls.make_key()
    for hosts in ((), ("exämple.org",)):
        with pytest.raises(InputError, match="host"):
            tls.make_certificate(key, hosts, authority=tls.make_authority(key, "a"), authority_key=key)
