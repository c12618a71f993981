"""At the door of a local page, as whoever knocks: any host, any origin, any token."""

import http.client
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Heard:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return self.json["error"]


@dataclass(frozen=True)
class Caller:
    """Somebody who knows a page's port and token, and may say something else."""

    port: int
    token: str

    @property
    def own(self) -> str:
        return f"127.0.0.1:{self.port}"

    def call(self, method, path, *, body=None, connect="127.0.0.1", **said: str | None) -> Heard:
        """`said` are headers in place of an honest page's; None leaves one out."""
        honest = {"Host": self.own, "Authorization": f"Bearer {self.token}"}
        if method == "POST":
            honest |= {"Origin": f"http://{self.own}"}
        connection = http.client.HTTPConnection(connect, self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in (honest | {key.replace("_", "-"): value for key, value in said.items()}).items():
                if value is not None:
                    connection.putheader(name, value)
            data = None if body is None else json.dumps(body).encode() if not isinstance(body, bytes) else body
            if data is not None and "Content_Length" not in said:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            answer = connection.getresponse()
            return Heard(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path, **said) -> Heard:
        return self.call("GET", path, **said)

    def press(self, act, fields=None, **said) -> Heard:
        return self.call("POST", f"/acts/{act}", body={} if fields is None else fields, **said)

    def do(self, act, fields=None) -> str:
        """Ask, and agree."""
        asked = self.press(act, fields)
        assert asked.status == 200, asked
        done = self.press(act, {**(fields or {}), "answer": asked.json["answer"]})
        assert done.status == 200, done
        return done.json["done"]
