"""A server in a process of its own."""

import http.client
import json
import os
import re
import select
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.system.toy import begin

SERVING = re.compile(rb"serving at (http://\S+);")


class Serving:
    """A server that listens.

    Attributes:
        url: where.
        said: what it wrote on stderr until it listened.
    """

    def __init__(self, folder: Path, models: Sequence[Path], *more: str, limit: float = 120) -> None:
        self.process = begin(folder, "serve", *map(str, models), "--port", "0", *more, limit=limit)
        self.said = b""
        end = time.monotonic() + 60
        while not (found := SERVING.search(self.said)):
            assert select.select([self.process.stderr], [], [], end - time.monotonic())[0], self.said
            some = os.read(self.process.stderr.fileno(), 4096)  # not by lines: what is buffered, select does not see
            assert some, self.said
            self.said += some
        self.url = found[1].decode()
        self.host, self.port = urlsplit(self.url).hostname or "", urlsplit(self.url).port or 0

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The value of an answer that must be well: to POST where there is a body, else to GET."""
        connection = self.connection()
        sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request("GET" if body is None else "POST", path, sent, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        assert answer.status == 200, (answer.status, data)
        return json.loads(data)

    def end(self) -> tuple[int, str]:
        """Let it end in order: its exit code, and what else it wrote on stderr."""
        self.process.kill(signal.SIGTERM)
        code = self.process.wait()
        said = self.process.stderr.read().decode()
        self.process.close()
        return code, said
