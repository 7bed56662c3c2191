"""What the gateways know: trades, codes and refunds, and an append-only ledger of everything that moved money.

The ledger is the judge of the kiosk's tests: its rows can be neither changed nor deleted, and one trade number can be
captured only once.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry(
  id INTEGER PRIMARY KEY, at REAL NOT NULL, gateway TEXT NOT NULL, kind TEXT NOT NULL, out_trade_no TEXT NOT NULL,
  out_refund_no TEXT NOT NULL DEFAULT '', transaction_id TEXT NOT NULL DEFAULT '', amount INTEGER NOT NULL,
  fee INTEGER NOT NULL DEFAULT 0, subject TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX IF NOT EXISTS one_capture ON entry(gateway, out_trade_no) WHERE kind = 'capture';
CREATE UNIQUE INDEX IF NOT EXISTS one_refund ON entry(gateway, out_trade_no, out_refund_no) WHERE kind = 'refund';
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TABLE IF NOT EXISTS trade(
  gateway TEXT NOT NULL, out_trade_no TEXT NOT NULL, amount INTEGER NOT NULL, subject TEXT NOT NULL, params TEXT NOT
  NULL, state TEXT NOT NULL, code TEXT NOT NULL, expires REAL NOT NULL, scanned INTEGER NOT NULL DEFAULT 0,
  transaction_id TEXT NOT NULL DEFAULT '', paid_at REAL, notify_url TEXT NOT NULL, PRIMARY KEY(gateway, out_trade_no));
CREATE TABLE IF NOT EXISTS code(code TEXT PRIMARY KEY, gateway TEXT NOT NULL, out_trade_no TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refund(
  gateway TEXT NOT NULL, out_trade_no TEXT NOT NULL, out_refund_no TEXT NOT NULL, amount INTEGER NOT NULL,
  state TEXT NOT NULL, refund_id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY(gateway, out_trade_no, out_refund_no));
CREATE TABLE IF NOT EXISTS nonce(value TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS nonce_age ON nonce(at);
"""
FEE_PER_MILLE = 6


class Ledger:
    """One SQLite file, one connection, one writer at a time."""

    def __init__(self, path: Path) -> None:
        self.offset = 0.0
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def now(self) -> float:
        """The gateways' clock; a test may push it away from the machine's."""
        return time.time() + self.offset

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writer; within another transaction of the same thread it is part of that one."""
        with self._lock:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def trade(self, gateway: str, number: str) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._db.execute(
                "SELECT * FROM trade WHERE gateway=? AND out_trade_no=?", (gateway, number)
            ).fetchone()
        return row

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def fresh_nonce(self, value: str) -> bool:
        """Remember a nonce; False if it was seen within the last ten minutes."""
        with self.transaction() as db:
            db.execute("DELETE FROM nonce WHERE at < ?", (self.now() - 600,))
            return db.execute("INSERT OR IGNORE INTO nonce VALUES(?, ?)", (value, self.now())).rowcount == 1

    def capture(self, db: sqlite3.Connection, trade: sqlite3.Row, transaction_id: str, state: str) -> None:
        """The buyer's money is taken: state and ledger in one transaction."""
        gateway, number, amount = trade["gateway"], trade["out_trade_no"], trade["amount"]
        now = self.now()
        db.execute(
            "UPDATE trade SET state=?, scanned=1, transaction_id=?, paid_at=? WHERE gateway=? AND out_trade_no=?",
            (state, transaction_id, now, gateway, number),
        )
        self._enter(db, now, gateway, "capture", number, "", transaction_id, amount, fee(amount), trade["subject"])

    def give_back(self, db: sqlite3.Connection, trade: sqlite3.Row, number: str, refund_id: str, amount: int) -> None:
        """Money goes back to the buyer, the fee on it to the merchant."""
        gateway, now = trade["gateway"], self.now()
        values = (gateway, trade["out_trade_no"], number, amount, "SUCCESS", refund_id, now)
        db.execute("INSERT INTO refund VALUES(?,?,?,?,?,?,?)", values)
        subject, original = trade["subject"], trade["out_trade_no"]
        self._enter(
            db, now, gateway, "refund", original, number, trade["transaction_id"], amount, -fee(amount), subject
        )

    def _enter(self, db: sqlite3.Connection, *values: Any) -> None:
        db.execute(
            "INSERT INTO entry(at, gateway, kind, out_trade_no, out_refund_no, transaction_id, amount, fee, subject)"
            " VALUES(?,?,?,?,?,?,?,?,?)",
            values,
        )

    def refunded(self, gateway: str, number: str) -> int:
        rows = self.rows(
            "SELECT COALESCE(SUM(amount), 0) FROM refund WHERE gateway=? AND out_trade_no=?", (gateway, number)
        )
        total: int = rows[0][0]
        return total

    def day(self, gateway: str, day: str) -> list[sqlite3.Row]:
        """The ledger's rows of one Beijing date."""
        start = datetime.fromisoformat(day).replace(tzinfo=BEIJING).timestamp()
        return self.rows(
            "SELECT * FROM entry WHERE gateway=? AND at>=? AND at<? ORDER BY id", (gateway, start, start + 86400)
        )

    def judge(self, prefix: str = "") -> list[dict[str, Any]]:
        """What every trade number came to: captured, refunded, and can it still be paid?"""
        now = self.now()
        verdicts = []
        for row in self.rows("SELECT * FROM trade ORDER BY rowid"):
            if not row["out_trade_no"].startswith(prefix):
                continue
            captured = row["amount"] if row["paid_at"] is not None else 0
            payable = row["state"] in ("NOTPAY", "CODE", "WAIT_BUYER_PAY") and row["expires"] > now
            verdicts.append(
                {
                    "gateway": row["gateway"],
                    "out_trade_no": row["out_trade_no"],
                    "amount_fen": row["amount"],
                    "state": row["state"],
                    "captured_fen": captured,
                    "refunded_fen": self.refunded(row["gateway"], row["out_trade_no"]),
                    "transaction_id": row["transaction_id"],
                    "code": row["code"],
                    "expires": row["expires"],
                    "payable": payable,
                }
            )
        return verdicts


def fee(amount: int) -> int:
    """0.6 % of an amount in fen, rounded half up."""
    return (amount * FEE_PER_MILLE + 500) // 1000


def beijing(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, BEIJING)
