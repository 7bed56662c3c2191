"""A card terminal at the far end of a pseudo terminal, with its customers, its ledger and its acquirer's settlement.

Verbs: ``approve {card}``, ``decline {response}``, ``lost_result`` (charged, but no answer is sent), ``stale`` (an old
answer comes before the true one), ``wrong_check`` (the first try of the answer is damaged), ``abandon`` (the customer
walks away, the amount stays on the screen), ``card`` (his card is in, he is entering his PIN and cannot be sent away):
what the customer does with the amount on the screen, or with the next one.
``auto {on}`` approves everything; ``unplug``, ``plug``; ``settlement {date}`` writes the acquirer's file and answers
its name; ``ledger`` gives the rows.
"""

from __future__ import annotations

import csv
import os
import secrets
import sqlite3
import threading
import time
from datetime import date, datetime
from functools import partial, reduce
from operator import xor
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kiosk.simulators.control import Control, Refused, Verb, arguments, serve
from kiosk.simulators.serial_line import SerialLine

BEIJING = ZoneInfo("Asia/Shanghai")
TERMINAL, MERCHANT = "T0000001", "104430000000001"
SALE, VOID, QUERY, ABANDON = b"\x01", b"\x02", b"\x03", b"\x04"
ACTS = ("approve", "decline", "lost_result", "stale", "wrong_check", "abandon", "card")
HEADINGS = ("终端号", "凭证号", "参考号", "原参考号", "交易类型", "交易时间", "交易金额", "手续费", "卡号")
_TABLE = """CREATE TABLE IF NOT EXISTS entry(trace INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, amount INTEGER,
  reference TEXT, original TEXT, auth TEXT, orders TEXT, nonce TEXT, card TEXT, at TEXT);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'append only'); END;"""
Values = dict[bytes, bytes]


def frame(values: Values) -> bytes:
    """02, length in BCD, tags, 03, check."""
    body = b"".join(tag + (bytes([len(v)]) if len(v) < 128 else bytes([0x81, len(v)])) + v for tag, v in values.items())
    checked = bytes.fromhex(str(len(body)).zfill(4)) + body + b"\x03"
    return b"\x02" + checked + bytes([reduce(xor, checked)])


def unframe(data: bytes) -> Values | None:
    """The tags of a whole, sound frame."""
    if data[-2] != 3 or reduce(xor, data[1:-1]) != data[-1]:
        return None
    values, rest = {}, data[3:-2]
    while rest:
        size = rest[2]
        values[rest[:2]] = rest[3 : 3 + size]
        rest = rest[3 + size :]
    return values


class Terminal:
    """State behind the line: an amount on the screen, what the customer does next, the ledger."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.lock = threading.RLock()
        self.db = sqlite3.connect(home / "pos.sqlite3", check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.executescript(_TABLE)
        self.pending: Values | None = None
        self.next: dict[str, Any] | None = None
        self.auto = False
        self.repeat = b""
        self.entering = False
        self.changed = threading.Event()

    def act(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.next = {"act": name, **body}
            self.changed.set()
        return self.state()

    def set_auto(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.auto = bool(body.get("on", True))
            self.changed.set()
        return self.state()

    def state(self) -> dict[str, Any]:
        with self.lock:
            shown = int(self.pending[b"\xdf\x03"].hex()) if self.pending else None
            rows = self.db.execute("SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM entry WHERE kind='sale'").fetchone()
            return {
                "amount_on_screen_fen": shown,
                "next": self.next["act"] if self.next else None,
                "auto": self.auto,
                "sales": rows[0],
                "sales_fen": rows[1],
            }

    def ledger(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            return {"entries": [dict(row) for row in self.db.execute("SELECT * FROM entry ORDER BY trace")]}

    def answers(self, command: Values) -> list[bytes]:
        """The frames that answer a command; an empty list leaves it on the screen or unanswered."""
        kind = command.get(b"\xdf\x02", b"")
        with self.lock:
            if kind == QUERY:
                return [frame(self._query(command))]
            if kind == ABANDON and self.pending is not None and self.entering:
                return [frame(_result(command, "B1"))]
            if kind == ABANDON:
                self.pending = None
                return [frame(_result(command, "00"))]
            if self.pending is not None:
                return [frame(_result(command, "B1"))]
            self.pending, self.entering = command, False
            return self.customer()

    def customer(self) -> list[bytes]:
        """The customer does what he was told to do, if there is an amount and a word for him."""
        with self.lock:
            if self.pending is None or (self.next is None and not self.auto):
                return []
            said, self.next = self.next or {"act": "approve"}, None
            if said["act"] in ("abandon", "card"):
                self.entering = said["act"] == "card"
                return []
            command, self.pending = self.pending, None
            if said["act"] == "decline":
                return [frame(_result(command, str(said.get("response", "51"))))]
            done = self._book(command, str(said.get("card", "6222020000001234")))
            if done is None:
                return [frame(_result(command, "25"))]
            true = frame(done)
            if said["act"] == "lost_result":
                return []
            if said["act"] == "stale":
                return [frame({**done, b"\xdf\x04": b"00000000", b"\xdf\x03": b"\0\0\0\0\0\1"}), true]
            if said["act"] == "wrong_check":
                self.repeat = true
                return [true[:-1] + bytes([true[-1] ^ 1])]
            return [true]

    def _book(self, command: Values, card: str) -> Values | None:
        kind = "void" if command[b"\xdf\x02"] == VOID else "sale"
        amount = int(command[b"\xdf\x03"].hex())
        original = ""
        if kind == "void":
            found = self._find(int(command[b"\xdf\x0a"]))
            again = self.db.execute("SELECT 1 FROM entry WHERE original=?", (found["reference"],)) if found else None
            if found is None or found["kind"] != "sale" or found["amount"] != amount or (again and again.fetchone()):
                return None
            original = found["reference"]
        now = datetime.now(BEIJING).strftime("%Y%m%d%H%M%S")
        reference = f"{secrets.randbelow(10**12):012d}"
        masked = f"{card[:6]}******{card[-4:]}"
        order, nonce = command.get(b"\xdf\x6a", b"").decode(), command[b"\xdf\x04"].decode()
        auth = f"{secrets.randbelow(10**6):06d}"
        cursor = self.db.execute(
            "INSERT INTO entry(kind, amount, reference, original, auth, orders, nonce, card, at)"
            " VALUES(?,?,?,?,?,?,?,?,?)",
            (kind, amount, reference, original, auth, order, nonce, masked, now),
        )
        row = self._find(int(cursor.lastrowid or 0))
        assert row is not None
        return self._describe(command, row)

    def _find(self, trace: int) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self.db.execute("SELECT * FROM entry WHERE trace=?", (trace,)).fetchone()
        return row

    def _query(self, command: Values) -> Values:
        if self.pending is not None:
            return _result(command, "B1")
        trace = command.get(b"\xdf\x0a")
        rows = self.db.execute("SELECT * FROM entry ORDER BY trace DESC LIMIT 1").fetchall()
        row = self._find(int(trace)) if trace else rows[0] if rows else None
        return self._describe(command, row) if row else _result(command, "25")

    def _describe(self, command: Values, row: sqlite3.Row) -> Values:
        texts = {
            b"\xdf\x0a": f"{row['trace']:06d}",
            b"\xdf\x12": TERMINAL,
            b"\xdf\x13": MERCHANT,
            b"\xdf\x1a": row["reference"],
            b"\xdf\x1b": row["auth"],
            b"\xdf\x1c": row["at"][:8],
            b"\xdf\x1d": row["at"][8:],
            b"\xdf\x1e": row["card"],
            b"\xdf\x6a": row["orders"],
        }
        values = _result(command, "00") | {tag: text.encode() for tag, text in texts.items()}
        values[b"\xdf\x02"] = VOID if row["kind"] == "void" else SALE
        values[b"\xdf\x03"] = bytes.fromhex(f"{row['amount']:012d}")
        return values

    def settlement(self, body: dict[str, Any]) -> dict[str, Any]:
        """The acquirer's file of a date: UTF-8 CSV with a byte order mark, 0.6 % fees."""
        try:
            day = date.fromisoformat(str(body.get("date") or datetime.now(BEIJING).date()))
        except ValueError:
            raise Refused("date is YYYY-MM-DD") from None
        path = self.home / f"settlement-{day:%Y%m%d}.csv"
        with self.lock, path.open("w", encoding="utf-8-sig", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(HEADINGS)
            for row in self.db.execute("SELECT * FROM entry WHERE at LIKE ? ORDER BY trace", (f"{day:%Y%m%d}%",)):
                sale = row["kind"] == "sale"
                fee = (row["amount"] * 6 + 500) // 1000 * (1 if sale else -1)
                at = datetime.strptime(row["at"], "%Y%m%d%H%M%S").strftime("%Y-%m-%d %H:%M:%S")
                cells = [TERMINAL, f"{row['trace']:06d}", row["reference"], row["original"]]
                cells += [
                    "消费" if sale else "消费撤销",
                    at,
                    f"{row['amount'] / 100:.2f}",
                    f"{fee / 100:.2f}",
                    row["card"],
                ]
                writer.writerow(cells)
        return {"file": path.name}


def _result(command: Values, response: str) -> Values:
    echo: Values = {tag: command[tag] for tag in (b"\xdf\x02", b"\xdf\x03", b"\xdf\x04") if tag in command}
    return {b"\xdf\x01": b"\x02", **echo, b"\xdf\x07": response.encode()}


class Line(SerialLine):
    """The terminal's end of its serial line."""

    TICK = 0.03

    def __init__(self, terminal: Terminal, link: Path) -> None:
        self.terminal = terminal
        super().__init__(link)

    def state(self) -> dict[str, Any]:
        return {**self.terminal.state(), **super().state()}

    def quiet(self, master: int) -> None:
        if self.terminal.changed.is_set():
            self.terminal.changed.clear()
            self._send(master, self.terminal.customer())

    def heard(self, master: int, held: bytes) -> bytes:
        while held:
            if held[0] != 2:
                if held[0] == 0x15 and self.terminal.repeat:
                    os.write(master, self.terminal.repeat)
                    self.terminal.repeat = b""
                held = held[1:]
                continue
            if len(held) < 3 or len(held) < int(held[1:3].hex()) + 5:
                break
            size = int(held[1:3].hex()) + 5
            command, held = unframe(held[:size]), held[size:]
            os.write(master, b"\x06" if command else b"\x15")
            if command:
                self._send(master, self.terminal.answers(command))
        return held

    def _send(self, master: int, frames: list[bytes]) -> None:
        for one in frames:
            os.write(master, one)
            time.sleep(0.01)


def main() -> None:
    """Run until SIGTERM."""
    parser = arguments("A card terminal, simulated")
    parser.add_argument("--link", type=Path, required=True, metavar="PATH", help="symbolic link to the serial port")
    parser.add_argument("--auto", action="store_true", help="approve everything at once")
    options = parser.parse_args()
    terminal = Terminal(options.home)
    terminal.auto = options.auto
    line = Line(terminal, options.link)
    verbs: dict[str, Verb] = {name: partial(terminal.act, name) for name in ACTS}
    verbs |= {"auto": terminal.set_auto, "ledger": terminal.ledger, "settlement": terminal.settlement}
    verbs |= line.verbs()
    try:
        serve(Control(line.state, verbs, options.control), {"port": str(options.link)})
    finally:
        line.unplug()


if __name__ == "__main__":
    main()
