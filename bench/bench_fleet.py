"""The centre under load and with a long past: ``python -m bench.bench_fleet [--part load|pages] [--json FILE]``.

*load*: 1,000 paired kiosks' signed heartbeats and pushes (one order, 12 events each) against one web process of the
centre and a durable PostgreSQL, all on this machine. The floor, measured in the same run, is the smallest signed
request PostgreSQL has to write for. *pages*: lists, searches and reports at 10,000 and at a million orders, asked in
turn, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.fleet_load import load
from bench.fleet_pages import pages
from kiosk.fleet.postgres import SWIFT, Cluster

MEMORY = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
MOST = 1.5  # times the p95 at 10,000 orders


def main() -> int:
    """Print the figures; 1 when a page at a million orders is slower than allowed."""
    parser = argparse.ArgumentParser(description="The centre's speed")
    parser.add_argument("--part", choices=("load", "pages"), default="")
    parser.add_argument("--kiosks", type=int, default=1000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--requests", type=int, default=2000, help="heartbeats, and three quarters as many pushes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-fleet-", dir="/tmp"))
    folder.chmod(0o711)
    found: dict[str, Any] = {}
    began = time.monotonic()
    try:
        if options.part != "pages":
            with Cluster(folder / "l", MEMORY) as cluster:
                found["load"] = load(cluster, folder, options.kiosks, options.requests)
        if options.part != "load":
            with Cluster(folder / "p", MEMORY | SWIFT) as cluster:  # what only reads needs no durability
                found["pages"] = pages(cluster, folder, options.few, options.many, options.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found["seconds"] = round(time.monotonic() - began)
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    if options.json:
        options.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
    ratios = [one["ratio_p95"] for one in found.get("pages", {}).values()]
    if ratios:
        sys.stdout.write(f"p95 ratios: median {statistics.median(ratios):.2f}, worst {max(ratios):.2f}\n")
    return 1 if any(ratio > MOST for ratio in ratios) else 0


if __name__ == "__main__":
    sys.exit(main())
