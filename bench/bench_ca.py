"""Speed of the embedded CA: `python -m bench.bench_ca`. Ratios are against raw signing and raw commits in the same
run.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.ca import crl
from kiosk.ca.connector import CertificateRequest
from kiosk.ca.embedded import EmbeddedCa
from kiosk.ca.subject import Document, Subject

COUNT = 200
ENTRIES = 10_000
SUBJECT = Subject("湖南潇湘建设工程有限责任公司", "91430900MA4L16JQ9B", Document.USCC)


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def requests() -> list[CertificateRequest]:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(COUNT)]
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    orders = [builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER) for key in keys]
    return [CertificateRequest(f"o{n}", "sign", csr, SUBJECT, "unit", 1) for n, csr in enumerate(orders)]


def commits(folder: Path) -> float:
    db = sqlite3.connect(folder / "floor.sqlite3", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE t (x BLOB)")
    spent = timed(lambda: [db.execute("INSERT INTO t VALUES (?)", (bytes(2000),)) for _ in range(2 * COUNT)])
    db.close()
    return spent


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for algorithm, bits in (("rsa2048", 2048), ("rsa3072", 3072)):
            EmbeddedCa.create(folder / algorithm, algorithm=algorithm)
            key = rsa.generate_private_key(65537, bits)
            raw = timed(lambda k=key: [k.sign(b"x", padding.PKCS1v15(), hashes.SHA256()) for _ in range(COUNT)])
            asked = requests()
            with EmbeddedCa(folder / algorithm) as ca:
                spent = timed(lambda c=ca, a=asked: [c.submit(request) for request in a])
                again = timed(lambda c=ca, a=asked: [c.submit(request) for request in a])
                issuer = ca._ca.issuer
            floor = raw + commits(folder / algorithm)
            print(f"{algorithm}: issue with ledger {COUNT / spent:.0f}/s, repeated {COUNT / again:.0f}/s,", end=" ")
            print(f"raw signing {COUNT / raw:.0f}/s; {spent / floor:.2f} x (raw signing + two commits)")
        now = datetime.now(UTC)
        entries = [
            crl.Entry(x509.random_serial_number(), now - timedelta(days=n % 900), "superseded") for n in range(ENTRIES)
        ]
        spent = timed(lambda: crl.build(issuer, entries, 1, now))
        print(
            f"CRL of {ENTRIES} entries: {spent * 1000:.0f} ms, {len(crl.build(issuer, entries, 1, now)) / 1024:.0f} KiB"
        )


if __name__ == "__main__":
    main()
