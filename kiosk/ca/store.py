"""The embedded CA's ledger: one SQLite file that survives power cuts and serves several processes.

Each change is one transaction (BEGIN IMMEDIATE, WAL, synchronous=FULL) that also appends to the audit chain.
Certificates, names and escrowed keys are sealed; look-ups by number go through a blind index.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from kiosk.ca.connector import CaMisconfigured, CaUnreachable

SCHEMA = """
CREATE TABLE IF NOT EXISTS certificate (
    serial TEXT PRIMARY KEY,
    request_id TEXT NOT NULL,
    use TEXT NOT NULL CHECK (use IN ('sign', 'encrypt')),
    kind TEXT NOT NULL CHECK (kind IN ('unit', 'personal')),
    spki BLOB NOT NULL,              -- SHA-256 of the requester's SubjectPublicKeyInfo
    digest BLOB NOT NULL,            -- SHA-256 of everything else that was asked for
    owner BLOB NOT NULL,             -- blind index of the number
    name BLOB NOT NULL,              -- sealed
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    predecessor TEXT,                -- serial of the certificate renewed or replaced
    token_serial TEXT,
    certificate BLOB,                -- sealed DER; NULL while only reserved
    enveloped_key BLOB,              -- sealed
    escrow BLOB,                     -- sealed PKCS#8 of a centrally made encryption key
    state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'held', 'revoked')),
    reason TEXT,
    revoked_at INTEGER,
    confirmed_at INTEGER,
    UNIQUE (request_id, use)
) STRICT;
CREATE INDEX IF NOT EXISTS certificate_owner ON certificate (owner);
CREATE INDEX IF NOT EXISTS certificate_key ON certificate (spki);
CREATE UNIQUE INDEX IF NOT EXISTS one_successor ON certificate (predecessor, use)
    WHERE predecessor IS NOT NULL AND state <> 'revoked';
CREATE INDEX IF NOT EXISTS certificate_revoked ON certificate (serial) WHERE state <> 'active';
CREATE TABLE IF NOT EXISTS token (
    serial TEXT PRIMARY KEY, so_pin BLOB NOT NULL, registered_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS unlocking (
    request_id TEXT PRIMARY KEY, token_serial TEXT NOT NULL, given_at INTEGER NOT NULL, used_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL, facts TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS crl (
    only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL, made_at INTEGER NOT NULL, stale INTEGER NOT
    NULL, der BLOB NOT NULL
) STRICT;
"""
GENESIS = bytes(32)


class Ledger:
    """One connection to the ledger in `path`. Threads take turns; other processes wait up to `patience` seconds."""

    def __init__(self, path: Path, patience: float = 30.0) -> None:
        self._turn = threading.RLock()
        try:
            self._db = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA trusted_schema = OFF")
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise CaMisconfigured("ledger_unusable", cause=str(error)) from error

    def close(self) -> None:
        with self._turn:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. Raises `CaUnreachable("ledger_busy")` when the ledger cannot be written to (locked, disk
        full).
        """
        with self._turn, _translated():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk may have ended it already
                    with suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                raise

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._turn, _translated():
            return self._db.execute(sql, values).fetchall()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise CaUnreachable("ledger_busy", cause=str(error)) from error
    except sqlite3.DatabaseError as error:
        raise CaMisconfigured("ledger_unusable", cause=str(error)) from error


def record(db: sqlite3.Connection, at: datetime, action: str, **facts: str | int | None) -> None:
    """Append to the audit chain, inside the transaction of the change. `facts` hold no personal data."""
    last = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    seq, previous = (last["seq"] + 1, last["hash"]) if last else (1, GENESIS)
    text = json.dumps(facts, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    moment = int(at.timestamp())
    digest = _link(previous, seq, moment, action, text)
    db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?)", (seq, moment, action, text, digest))


def verify_audit(ledger: Ledger) -> tuple[int, int | None]:
    """(number of entries, sequence number of the first broken one or None)."""
    previous, expected = GENESIS, 1
    rows = ledger.rows("SELECT * FROM audit ORDER BY seq")
    for row in rows:
        if row["seq"] != expected or row["hash"] != _link(previous, expected, row["at"], row["action"], row["facts"]):
            return len(rows), expected
        previous, expected = row["hash"], expected + 1
    return len(rows), None


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _link(previous: bytes, seq: int, at: int, action: str, facts: str) -> bytes:
    return sha256(previous + json.dumps([seq, at, action, facts]).encode()).digest()
