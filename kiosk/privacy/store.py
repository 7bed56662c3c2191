"""Where sealed files lie: a folder of this machine's own, or an object store that several machines reach.

A name is ``owner/digest``: what an order has lies together, and the same bytes lie there once. Nothing in a store can
be read without the order's key.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from obstore.store import ObjectStore

TIMEOUT = timedelta(seconds=10)  # of one request
RETRY = timedelta(seconds=12)  # of all tries together


class StoreError(Exception):
    """The store does not answer, or says no."""


class Store(Protocol):
    """Keeps bytes under names; :class:`StoreError` from each when it cannot be reached."""

    def put(self, name: str, data: bytes) -> None:
        """Whole or not at all; kept when this returns."""

    def get(self, name: str) -> bytes | None:
        """None when there is no such thing."""

    def has(self, name: str) -> bool: ...

    def destroy(self, owner: str) -> int:
        """Remove all that the owner has; returns how many."""


@dataclass(frozen=True)
class Folder:
    """A folder on a disk of this machine."""

    path: Path

    def put(self, name: str, data: bytes) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = target.with_suffix(".part")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)

    def get(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def destroy(self, owner: str) -> int:
        folder = self.path / owner
        files = list(folder.glob("*")) if folder.is_dir() else []
        for file in files:
            file.unlink()
        if folder.is_dir():
            folder.rmdir()
        return len(files)


@dataclass(frozen=True)
class Objects:
    """An object store. ``folder``: where it is one on a file system, so that what was put is made to last."""

    store: ObjectStore
    folder: Path | None = None

    def put(self, name: str, data: bytes) -> None:
        with _told():
            self.store.put(name, data)
        if self.folder is not None:
            _make_last(self.folder / name)

    def get(self, name: str) -> bytes | None:
        from obstore.exceptions import NotFoundError

        with _told():
            try:
                return bytes(self.store.get(name).bytes())
            except (NotFoundError, FileNotFoundError):
                return None

    def has(self, name: str) -> bool:
        from obstore.exceptions import NotFoundError

        with _told():
            try:
                self.store.head(name)
            except (NotFoundError, FileNotFoundError):
                return False
        return True

    def destroy(self, owner: str) -> int:
        with _told():
            names = [one["path"] for some in self.store.list(prefix=owner) for one in some]
            if names:
                self.store.delete(names)
        return len(names)


@contextmanager
def _told() -> Iterator[None]:
    """The store's own errors as :class:`StoreError`; their texts may hold addresses, so only their kind is told."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        raise StoreError(type(error).__name__) from error


def _make_last(path: Path) -> None:
    for one in (path, path.parent):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# -- opening one ----------------------------------------------------------------------------------


def checked(url: str, endpoint: str) -> str:
    """The address, if a store can be there. ValueError says what is wrong."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("a store's address has neither user nor query")
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise ValueError("write file:///folder")
    if parts.scheme not in ("file", "s3") or (parts.scheme == "s3" and not parts.netloc):
        raise ValueError("a store is file:///folder or s3://bucket/prefix")
    if endpoint and not _safe(endpoint):
        raise ValueError("the endpoint begins with https:// (http:// only on the premises)")
    return url


def _safe(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    if parts.scheme != "http":
        return parts.scheme == "https" and bool(parts.hostname)
    try:
        return parts.hostname == "localhost" or ip_address(parts.hostname or "").is_private
    except ValueError:
        return False


def open_objects(url: str, endpoint: str = "", region: str = "", credentials: str = "") -> Objects:
    """The store at ``file:///folder`` or ``s3://bucket/prefix``.

    ``credentials``: a TOML file with ``access_key_id`` and ``secret_access_key``; empty = those of the environment or
    of the machine's role. ValueError for an address that is none, :class:`StoreError` for a file that is missing.
    """
    from obstore.store import LocalStore, S3Store

    parts = urlsplit(checked(url, endpoint))
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        with _told():
            return Objects(LocalStore(folder, mkdir=True), folder)
    config: dict[str, Any] = _keys(credentials)
    config |= {"endpoint": endpoint} if endpoint else {}
    config |= {"region": region} if region else {}
    with _told():
        store = S3Store(
            parts.netloc,
            prefix=unquote(parts.path).strip("/") or None,
            client_options={"timeout": TIMEOUT, "allow_http": endpoint.startswith("http://")},
            retry_config={"max_retries": 2, "retry_timeout": RETRY},
            **config,
        )
    return Objects(store)


def _keys(credentials: str) -> dict[str, str]:
    if not credentials:
        return {}
    try:
        found = tomllib.loads(Path(credentials).read_text("utf-8"))
        return {name: str(found[name]) for name in ("access_key_id", "secret_access_key")}
    except (OSError, ValueError, KeyError) as error:
        raise StoreError("the credentials cannot be read") from error
