"""``python -m bench.pages``: CPU of a form page and of a journalled step, as ratios to a Flask hello measured in the
same run.

In process, one thread, median of rounds; prints one JSON object. Goals: form page ≤ 3, journalled step ≤ 7.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade

from kiosk import config, create_app
from kiosk.db import write
from kiosk.orders.models import Order

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def cpu(call: Callable[[], object], rounds: int, each: int) -> float:
    """Median CPU milliseconds of one call."""
    took = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(each):
            call()
        took.append((time.process_time() - began) / each * 1000)
    return statistics.median(took)


def hello() -> FlaskClient:
    app = Flask("hello")
    app.add_url_rule("/", "hello", lambda: "hello")
    return app.test_client()


def prepared(app: Flask) -> tuple[FlaskClient, str, str]:
    """A customer on the page of contact fields: (client, csrf token, address)."""
    client = app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text)
    assert token
    client.post("/s/yiyang/new/personal", data={"csrf_token": token[1]})
    with app.app_context(), write() as session:
        order = session.query(Order).one()
        house = app.extensions["house"]
        data = {"card": {"kind": "resident", "name": "王示范", "number": "430102199209099988"}, "role": "self"}
        data["token"] = {"serial": "0001"}
        house.put_data(order, data)
        done = ["id_card", "role", "token", "new_pin", *(f"agree-{c}" for c in house.offer(order)[2].agreements)]
        order.progress = dict.fromkeys(done, True)
        order.years = 1
    return client, token[1], "/o/form-contact"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(config.load({}, home=str(Path(folder) / "home"), idle_seconds=3600))
        with app.app_context():
            upgrade(directory=str(MIGRATIONS))
        client, token, address = prepared(app)
        page = client.get(address)
        assert page.status_code == 200, page.location
        answers = {"csrf_token": token, "mobile": "13900000001", "email": "a@example.com"}
        base = hello()
        floor = cpu(lambda: base.get("/"), options.rounds, 200)
        form = cpu(lambda: client.get(address), options.rounds, 40)
        counter = iter(range(10**9))

        def step() -> None:
            mobile = f"139{next(counter) % 10**8:08d}"
            answer = client.post(address, data={**answers, "mobile": mobile})
            assert answer.status_code == 303, answer.text

        journalled = cpu(step, options.rounds, 20)
    result = {
        "hello_ms": round(floor, 3),
        "form_page_ms": round(form, 3),
        "form_page_ratio": round(form / floor, 2),
        "journalled_step_ms": round(journalled, 3),
        "journalled_step_ratio": round(journalled / floor, 2),
        "form_page_bytes": len(page.data),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
