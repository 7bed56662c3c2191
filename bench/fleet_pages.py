"""The centre's pages at few and at many orders, in PostgreSQL, asked in turn."""

from __future__ import annotations

import datetime as dt
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import text

from kiosk import config, create_app
from kiosk.db import db, today, write
from kiosk.fleet import months
from kiosk.fleet.models import FleetKey, FleetOrder
from kiosk.fleet.postgres import Cluster
from kiosk.journal import Event
from kiosk.orders.book import House
from tests.clerk.staff import make

KIOSKS, HALLS = 1000, 50
DAYS = 300  # of the past, evenly filled
STATES = "ARRAY['done','done','done','done','done','done','done','void','void','paid']"

ORDERS = f"""
INSERT INTO fleet_order (day, number, kiosk, holder, hall, scheme, service, kind, state, amount, opened_at, changed_at,
                         review)
SELECT day, number, kiosk, kiosk, 'hall' || lpad((k % {HALLS})::text, 2, '0'), 'yiyang',
       (ARRAY['new','renew','renew','replace'])[1 + n % 4], (ARRAY['unit','personal'])[1 + n % 2],
       ({STATES})[1 + n % 10],
       20000, opened, opened + interval '20 minutes', CASE WHEN n % (:amount / 50) = 0 THEN 'waiting' ELSE '' END
FROM (SELECT n, k, 'K' || lpad(k::text, 4, '0') AS kiosk, day,
             'K' || lpad(k::text, 4, '0') || to_char(day, 'YYMMDD') || lpad((n / {KIOSKS})::text, 6, '0') AS number,
             day + time '01:00' + (n % 28000) * interval '1 second' AS opened
      FROM (SELECT n, n % {KIOSKS} AS k, CAST(:today AS date) - ((CAST(n AS bigint) * {DAYS}) / :amount)::int AS day
            FROM generate_series(0, :amount - 1) AS n) AS numbered) AS dated
"""
KEYS = """
INSERT INTO fleet_key (kind, value, number)
SELECT way, md5(way || number), number FROM fleet_order, unnest(ARRAY['name','unit','phone']) AS way
"""
EVENTS = """
INSERT INTO event (kiosk, epoch, seq, at, order_no, kind, body, prev, hash)
SELECT kiosk, 1, 2 * row_number() OVER (PARTITION BY kiosk ORDER BY number) + part, opened_at, number,
       (ARRAY['order.opened','order.moved'])[1 + part], '{"to": "done"}', repeat('0', 64), repeat('0', 64)
FROM fleet_order, generate_series(0, 1) AS part
"""
FIGURES = f"""
INSERT INTO fleet_figure (hall, day, measure, key, amount, total)
SELECT 'hall' || lpad(h::text, 2, '0'), CAST(:today AS date) - d, measure, measure || '/' || s, 7, 140000
FROM generate_series(0, {HALLS - 1}) AS h, generate_series(0, {DAYS - 1}) AS d,
     unnest(ARRAY['orders','states','money']) AS measure, generate_series(1, 8) AS s
"""
FLEET = f"""
INSERT INTO fleet_kiosk (kiosk, hall, place, credential, public_key, paired_at)
SELECT 'K' || lpad(k::text, 4, '0'), 'hall' || lpad((k % {HALLS})::text, 2, '0'), '', '', '', now()
FROM generate_series(0, {KIOSKS - 1}) AS k
"""
STATUS = """
INSERT INTO fleet_status (kiosk, counter, epoch, version, seen_at, told)
SELECT kiosk, 1, 1, '0.1.0', now(),
       '{"parts": {}, "stock": {"left": 9, "level": 20}, "today": {"done": 4}}' FROM fleet_kiosk
"""


@dataclass
class Past:
    """One centre with so many orders, somebody signed in, and orders to ask for."""

    app: Flask
    client: FlaskClient
    numbers: list[str]
    deep: str

    @property
    def house(self) -> House:
        found: House = self.app.extensions["house"]
        return found


def past(cluster: Cluster, folder: Path, amount: int) -> Past:
    """Fill a database with that many orders of the last 300 days."""
    values = {"role": "centre", "kiosk_id": "C001", "simulators": False, "database": cluster.make(f"past{amount}")}
    app = create_app(config.load({}, home=str(folder / f"past{amount}"), **values))
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    with app.app_context():
        upgrade()
        began = time.monotonic()
        fill(amount)
        sys.stderr.write(f"{amount} orders made in {time.monotonic() - began:.0f} s\n")
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        sample = "SELECT number, day, opened_at FROM fleet_order TABLESAMPLE BERNOULLI (:share) LIMIT 400"
        rows = db.session.execute(text(sample), {"share": min(100.0, 60000 / amount)}).all()
        random.Random(1).shuffle(rows)  # type: ignore[arg-type]
        number, day, at = rows[0]
        db.session.remove()
    member = make(app, "auditor.one", "auditor", "reviewer", "admin")
    return Past(app, member.browser().client, [row[0] for row in rows], f"{day} {at.isoformat()} {number}")


def fill(amount: int) -> None:
    """Rows by the million, made inside PostgreSQL; what is not a primary key is indexed afterwards."""
    facts = {"today": today(), "amount": amount}
    indexes = [index for model in (FleetOrder, FleetKey, Event) for index in model.__table__.indexes]  # type: ignore[attr-defined]
    with write() as session:
        connection = session.connection()
        connection.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
        connection.execute(text("SET LOCAL work_mem = '256MB'"))
        months.ensure(connection, first=today() - dt.timedelta(days=DAYS + 31))
        for index in indexes:
            index.drop(connection)
        for statement in (FLEET, STATUS, ORDERS, KEYS, EVENTS, FIGURES):
            wanted = {name: value for name, value in facts.items() if f":{name}" in statement}
            connection.execute(text(statement), wanted)
        for index in indexes:
            index.create(connection)


def asked(one: Past, chance: random.Random) -> dict[str, Callable[[], Any]]:
    """Every page, each call for another order."""

    def number() -> str:
        return chance.choice(one.numbers)

    def search(kind: str) -> Callable[[], Any]:
        def ask() -> Any:
            wanted = number()
            value = wanted if kind == "number" else f"{kind} of {wanted}"
            return one.client.post("/admin/fleet/orders", data={"kind": kind, "text": value})

        return ask

    get = one.client.get
    return {
        "list, newest": lambda: get("/admin/fleet/orders"),
        "list, one state": lambda: get("/admin/fleet/orders?state=paid"),
        "list, one kiosk": lambda: get(f"/admin/fleet/orders?kiosk={number()[:-12]}"),
        "list, from anywhere": lambda: get("/admin/fleet/orders", query_string={"before": one.deep}),
        "search, number": search("number"),
        "search, name": search("name"),
        "search, unit number": search("document"),
        "search, phone": search("phone"),
        "one order, time line": lambda: get(f"/admin/fleet/orders/{number()}"),
        "review queue": lambda: get("/admin/fleet/reviews"),
        "report, 14 days": lambda: get("/admin/fleet/figures"),
        "report, 90 days": lambda: get(f"/admin/fleet/figures?first={today() - dt.timedelta(days=89)}"),
        "fleet of 1,000": lambda: get("/admin/"),
    }


def index_keys(one: Past) -> None:
    """The keys the fill left as md5 become the centre's blind indexes for the orders that will be asked for."""
    with one.app.app_context(), write() as session:
        for number in one.numbers:
            for kind, purpose in (("name", "name"), ("unit", "unit"), ("phone", "phone")):
                told = {"name": "name", "unit": "document", "phone": "phone"}[kind]
                value = one.house.vault.blind(f"{told} of {number}", purpose)
                change = text("UPDATE fleet_key SET value = :value WHERE number = :number AND kind = :kind")
                session.execute(change, {"value": value, "number": number, "kind": kind})


def pages(cluster: Cluster, folder: Path, few: int, many: int, rounds: int) -> dict[str, dict[str, float]]:
    """p50 and p95 in milliseconds of each page at both sizes, and the ratio of the p95."""
    chance = random.Random(2)
    both = [past(cluster, folder, few), past(cluster, folder, many)]
    for one in both:
        index_keys(one)
    calls = [asked(one, chance) for one in both]
    out = {}
    for name in calls[0]:
        taken: list[list[float]] = [[], []]
        for turn in range(rounds + 10):
            for side in (0, 1) if turn % 2 else (1, 0):
                began = time.perf_counter()
                answer = calls[side][name]()
                spent = (time.perf_counter() - began) * 1000
                if answer.status_code != 200 or (name.startswith("search") and b"/fleet/orders/K" not in answer.data):
                    raise SystemExit(f"{name}: {answer.status_code}")
                if turn >= 10:
                    taken[side].append(spent)
        p50, p95 = ([sorted(side)[int(len(side) * share)] for side in taken] for share in (0.5, 0.95))
        row = {"p50_few_ms": p50[0], "p50_many_ms": p50[1], "p95_few_ms": p95[0], "p95_many_ms": p95[1]}
        row["ratio_p50"] = statistics.median(taken[1]) / statistics.median(taken[0])
        out[name] = {key: round(value, 2) for key, value in {**row, "ratio_p95": p95[1] / p95[0]}.items()}
    return out
