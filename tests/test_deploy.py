"""What an operator puts on a machine: units, a container, a proxy, a bill of materials; each judged by a tool."""

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import typer.main

from fedstyle_secure.artist.client import Line
from fedstyle_secure.cli.main import app
from fedstyle_secure.platform.settings import SETTINGS_FILE
from fedstyle_secure.wire.enrolment import Invitation
from fedstyle_secure.wire.routes import POLL_SECONDS, UPLOAD_LIMIT, Route, Status
from tests.artist.street import Authority
from tests.platform.house import make, serving

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
UNITS = ("fedstyle-platform.service", "fedstyle-artist@.service")
MOST_EXPOSED = 1.5
"""Of 10, as `systemd-analyze security` counts."""


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tool(name: str) -> str:
    """A program that was installed beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_lets_its_program_do_little_else(unit):
    judge = shutil.which("systemd-analyze")
    if judge is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    judged = subprocess.run(
        [judge, "security", "--offline=true", "--no-pager", str(DEPLOY / unit)],
        check=True,
        capture_output=True,
        text=True,
    )
    (score,) = re.findall(r"Overall exposure level for \S+: (\d+\.\d+)", judged.stdout)
    assert float(score) <= MOST_EXPOSED, judged.stdout


def test_linters_find_nothing_in_the_container():
    for command in (
        [tool("hadolint"), "Dockerfile"],
        [tool("compose-lint"), "--fail-on", "high", "compose.yaml"],
    ):
        judged = subprocess.run(command, cwd=DEPLOY, check=False, capture_output=True, text=True)
        assert judged.returncode == 0, judged.stdout + judged.stderr


def test_the_container_installs_the_pair_of_the_makefile():
    (pair,) = re.findall(r"^TORCH := (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert pair in (DEPLOY / "Dockerfile").read_text()


def test_what_units_and_container_call_exists():
    called = [
        *re.findall(r"^ExecStart=/opt/fedstyle-secure/bin/fedstyle (.+)$", "\n".join(map(read, UNITS)), re.M),
        " ".join([*words_of("ENTRYPOINT")[1:], *words_of("CMD")]),
    ]
    for line in called:
        command, words = typer.main.get_command(app), line.split()
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_parser(typer.Context(command)).parse_args(words)


def words_of(instruction: str) -> list[str]:
    (found,) = re.findall(rf"^{instruction} (.+)$", read("Dockerfile"), re.M)
    return json.loads(found)


def read(name: str) -> str:
    return (DEPLOY / name).read_text()


@contextmanager
def proxied(folder: Path, port: int, behind: int) -> Iterator[str]:
    """nginx as the sample has it, but for names, ports and its certificate; the authority of that."""
    authority = Authority()
    certificate, key = authority.vouch(folder / "proxy")
    server = read("nginx.conf").replace("server 127.0.0.1:8080", f"server 127.0.0.1:{behind}")
    server = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;", server)
    server = re.sub(r" *listen \[::\].*\n", "", server)
    server = re.sub(r"ssl_certificate .*;", f"ssl_certificate {certificate};", server)
    server = re.sub(r"ssl_certificate_key .*;", f"ssl_certificate_key {key};", server)
    places = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {places}\n{server} }}\n"
    )
    program = [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    subprocess.run([*program, "-t"], check=True, capture_output=True)
    with subprocess.Popen(program, stderr=subprocess.DEVNULL) as nginx:
        try:
            yield authority.pem
        finally:
            nginx.terminate()


def test_artists_reach_a_platform_through_the_sample_proxy(tmp_path, shared_town):
    if shutil.which("nginx", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    port = free_port()
    folder = make(tmp_path / "platform", shared_town)
    settings = replace(
        folder.settings(), has_tls=False, proxies=("127.0.0.1",), refusals_burst=3, refusals_per_second=0.01
    )
    (folder.path / SETTINGS_FILE).write_text(settings.encode())
    (tmp_path / "nginx").mkdir()
    with serving(folder) as house, proxied(tmp_path / "nginx", port, house.door.port) as pem:
        invitation: Invitation = house.invite("zoe")
        assert invitation.certificates == ""
        with Line(f"https://127.0.0.1:{port}", pem) as line:
            assert line.get("/healthz").status == Status.DONE
            assert line.get("/metrics").status == Status.MISSING
            joined = line.post(Route.JOIN, house.join_letter(0, invitation))
            assert joined.status == Status.DONE, joined.reason
            assert line.post(Route.ANSWERS, bytes(UPLOAD_LIMIT + (2 << 20))).status == Status.TOO_LARGE


def test_the_sample_proxy_waits_longer_than_a_poll_and_takes_the_largest_answer():
    sample = read("nginx.conf")
    (seconds,), (megabytes,) = (
        re.findall(pattern, sample) for pattern in (r"proxy_read_timeout (\d+)s", r"client_max_body_size (\d+)m")
    )
    assert int(seconds) > 2 * POLL_SECONDS
    assert int(megabytes) << 20 > UPLOAD_LIMIT


@pytest.mark.slow
def test_a_bill_of_materials_names_what_is_installed(tmp_path):
    """Half a minute: the tool reads every file of the environment."""
    (command,) = re.findall(r"^\t\$\(BIN\)/cyclonedx-py (.+)$", (ROOT / "Makefile").read_text(), re.M)
    options = command.replace("build/sbom.json", str(tmp_path / "sbom.json")).split()[:-1]
    subprocess.run([tool("cyclonedx-py"), *options, sys.executable], cwd=ROOT, check=True, capture_output=True)
    bill = json.loads((tmp_path / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "fedstyle-secure")
    named = {component["name"]: component for component in bill["components"]}
    assert {"cryptography", "fastapi", "sqlalchemy", "torch"} <= {name.lower() for name in named}
    assert all(component.get("version") for component in named.values())
