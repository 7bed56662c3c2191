"""``python -m kiosk.walk_alone``: a kiosk in a temporary home on free ports, one customer, everything stopped again.

The last line printed is the report as JSON; the exit code is 0 only when the case was finished.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from kiosk.supervise import free_port
from kiosk.walk import Customer
from kiosk.walk_all import good, walk_all


def main() -> int:
    """Walk; see the module's docstring."""
    parser = argparse.ArgumentParser(description="A scripted customer in a kiosk of his own")
    parser.add_argument("--scheme", default="yiyang")
    parser.add_argument("--service", default="renew")
    parser.add_argument("--kind", choices=["unit", "personal"], default="unit")
    parser.add_argument("--years", type=int, default=1)
    parser.add_argument("--ukey", default="", help="name of the demo UKey; empty takes a fitting one")
    parser.add_argument("--all", action="store_true", help="every cell of the catalogue's table")
    parser.add_argument("--home", type=Path, help="use and keep this folder instead of a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiosk-walk-") as temporary:
        home = options.home or Path(temporary)
        report = walk(home, options)
    sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
    return 0 if report["outcome"] == "done" else 1


def walk(home: Path, options: argparse.Namespace) -> dict[str, object]:
    """Start, walk once, stop."""
    port = free_port()
    environ = {**os.environ, "KIOSK_HOME": str(home), "KIOSK_PORT": str(port)}
    subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", "setup"], env=environ, check=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "kiosk.supervise"], env=environ, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            sys.stdout.write(line)
            if line.startswith("ready in"):
                break
        else:
            raise SystemExit("the kiosk did not start")
        with Customer(f"http://127.0.0.1:{port}", environ) as customer:
            if options.all:
                cells = walk_all(customer)
                return {"outcome": "done" if good(cells) else "stuck", "cells": cells}
            report = customer.walk(options.scheme, options.service, options.kind, options.years, options.ukey)
            sys.stdout.write(customer.told(report) + "\n")
            return report
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
