"""A process is killed at every line of `submit`; the same request afterwards gives one certificate, and the chain is
whole.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
from cryptography import x509

from kiosk.ca.connector import CertificateRequest
from kiosk.ca.embedded import EmbeddedCa
from tests.ca.ca_world import ask

SUBMITTING = {"issuing.py", "store.py", "profile.py"}


def submit_until(home: Path, request: CertificateRequest, fatal_line: int, told) -> None:
    """Submit in this process and die before the `fatal_line`-th executed line of the CA; what was handed out is
    told.
    """
    lines = 0

    def trace(frame, event, _):
        nonlocal lines
        if Path(frame.f_code.co_filename).name not in SUBMITTING or "/kiosk/ca/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            lines += 1
            if lines == fatal_line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    with EmbeddedCa(home) as ca:
        sys.settrace(trace)
        issued = ca.submit(request)
        sys.settrace(None)
    told.send((lines, issued.certificate))


def run(home: Path, request: CertificateRequest, fatal_line: int) -> tuple[int, bytes] | None:
    """(lines executed, certificate), or None when the process was killed."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)
    child = fork.Process(target=submit_until, args=(home, request, fatal_line, there))
    child.start()
    there.close()
    child.join()
    told = here.recv() if child.exitcode == 0 else None
    here.close()
    assert child.exitcode in (0, -signal.SIGKILL)
    return told


@pytest.mark.kill
def test_killed_anywhere_one_certificate(home):
    told = run(home, ask("whole"), 0)
    assert told is not None
    total = told[0]
    assert total > 60
    states = set()
    requests = {line: ask(f"cut-{line}") for line in range(1, total + 1)}
    for line, request in requests.items():
        assert run(home, request, line) is None
    with EmbeddedCa(home) as ca:
        kept = {line: ca.find(request.request_id, "sign") for line, request in requests.items()}
        for line, request in requests.items():
            states.add(kept[line] is not None)
            issued = ca.submit(request)
            assert kept[line] in (None, issued)
            assert ca.submit(request) == issued
        serials = [record.serial_hex for record in ca.everything(10_000)]
        assert len(serials) == len(set(serials)) == total + 1
        count, broken = ca.verify_audit()
        assert (count, broken) == (2 + 2 * (total + 1), None)
    assert states == {True, False}


@pytest.mark.kill
def test_reserved_serial_is_the_one_that_is_signed(home):
    """Cut between reservation and signature: the row's serial and validity are what the certificate gets later."""
    total = run(home, ask("whole"), 0)
    assert total is not None
    found = 0
    for line in range(1, total[0] + 1, 6):
        request = ask(f"cut-{line}")
        run(home, request, line)
        with EmbeddedCa(home) as ca:
            row = ca._ca.ledger.row("SELECT * FROM certificate WHERE request_id = ?", request.request_id)
            if row is not None and row["certificate"] is None:
                found += 1
                certificate = x509.load_der_x509_certificate(ca.submit(request).certificate)
                assert f"{certificate.serial_number:x}".rjust(len(row["serial"]), "0") == row["serial"]
                assert int(certificate.not_valid_after_utc.timestamp()) == row["not_after"]
    assert found
