"""An S3 server of another maker (moto) in a process of its own, for what is kept in an object store."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
import httpx

from kiosk.supervise import free_port
from tests.running import LINE

BUCKET = "scans"


@dataclass
class S3:
    """Where the server is. ``object`` asks it with its own maker's client."""

    process: subprocess.Popen[bytes]
    port: int
    credentials: Path

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, prefix: str) -> dict[str, str]:
        """For ``store`` in the settings."""
        facts = {"url": f"s3://{BUCKET}/{prefix}", "endpoint": self.endpoint, "region": "us-east-1"}
        return {**facts, "credentials": str(self.credentials)}

    def object(self, name: str) -> bytes | None:
        told = {"region_name": "us-east-1", "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "example"}
        client = boto3.client("s3", endpoint_url=self.endpoint, **told)
        with closing(client):
            try:
                with closing(client.get_object(Bucket=BUCKET, Key=name)["Body"]) as body:
                    content: bytes = body.read()
                    return content
            except client.exceptions.NoSuchKey:
                return None


@contextmanager
def s3_server(folder: Path) -> Iterator[S3]:
    """Gone when the context ends; the bucket is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    credentials, port = folder / "s3.toml", free_port()
    credentials.write_text('access_key_id = "AKIAEXAMPLE"\nsecret_access_key = "example"\n', "utf-8")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "s3.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        found = S3(process, port, credentials)
        try:
            _wait(found)
            assert LINE.put(f"{found.endpoint}/{BUCKET}").status_code == 200
            yield found
        finally:
            process.terminate()


def _wait(found: S3) -> None:
    until = time.monotonic() + 60
    while True:
        assert found.process.poll() is None
        with suppress(httpx.TransportError):
            LINE.get(found.endpoint)
            return
        assert time.monotonic() < until, "the S3 server does not answer"
        time.sleep(0.1)
