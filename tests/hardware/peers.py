"""Starts a simulator as the process it is and speaks to its control server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self


class Peer:
    """``python -m kiosk.simulators.<name>``; ``ready`` is what it announced."""

    def __init__(self, name: str, home: Path, *arguments: str) -> None:
        path = os.pathsep.join(part or "." for part in sys.path)
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"kiosk.simulators.{name}", "--home", str(home), *arguments],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready "), line
        self.ready: dict[str, Any] = json.loads(line.removeprefix("ready "))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.status = self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ready['control']}{path}", timeout=10) as reply:
            return bytes(reply.read())

    def state(self) -> dict[str, Any]:
        return dict(json.loads(self.get("/state")))

    def post(self, verb: str, **body: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ready['control']}/{verb}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return dict(json.loads(reply.read()))
        except urllib.error.HTTPError as error:
            with error:
                return {"status": error.code, **json.loads(error.read())}
