from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kiosk.hardware.a4_printer import A4Printer, _names, _reasons
from kiosk.hardware.child import Child
from kiosk.hardware.errors import (
    DeviceFailed,
    DeviceMissing,
    DeviceTimeout,
    PaperJam,
    PaperOut,
    PrintUnknown,
)
from kiosk.hardware.health import Level

from .peers import Peer


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with Peer("a4_printer", tmp_path) as peer:
        yield peer


@pytest.fixture
def printer(peer: Peer) -> A4Printer:
    return A4Printer(peer.ready["uri"], timeout=10)


def pdf(mark: str = "one") -> bytes:
    return b"%PDF-1.7\n" + mark.encode() + os.urandom(50_000) + b"\n%%EOF\n"


def printed(peer: Peer) -> list[bytes]:
    return [peer.get(f"/files/printed/{name}") for name in peer.post("list")["printed"]]


def until(peer: Peer, count: int) -> list[bytes]:
    for _ in range(200):
        if len(found := printed(peer)) >= count:
            return found
        threading.Event().wait(0.02)
    raise AssertionError(f"{count} printed documents never came")


def test_a_document_is_printed_when_the_call_returns(peer: Peer, printer: A4Printer) -> None:
    first, second = pdf("first"), pdf("second")
    printer.print_pdf(first, "K001-0001-form-1")
    printer.print_pdf(second, "K001-0001-form-2")
    assert printed(peer) == [first, second]
    assert printer.find("K001-0001-form-1") == "completed"
    assert printer.find("K001-0001-form-3") is None
    assert printer.health().level == Level.FINE


def test_no_paper_before_the_job(peer: Peer, printer: A4Printer) -> None:
    peer.post("paper", state="out")
    assert (printer.health().level, printer.health().code) == (Level.FAILED, "paper_out")
    with pytest.raises(PaperOut):
        printer.print_pdf(pdf(), "job-1")
    assert printer.find("job-1") is None
    peer.post("paper", state="ok")
    printer.print_pdf(pdf(), "job-1")
    assert len(printed(peer)) == 1


def test_paper_that_ends_during_the_job_leaves_it_in_the_printer(peer: Peer, printer: A4Printer) -> None:
    (peer.home / "paper").write_text("out\n")  # behind the tray sensor's back
    document = pdf()
    with pytest.raises(PrintUnknown) as caught:
        printer.print_pdf(document, "job-2")
    assert caught.value.cause == "paper_out"
    assert printer.find("job-2") == "pending"
    peer.post("paper", state="ok")
    assert until(peer, 1) == [document]
    assert printer.find("job-2") == "completed"


def test_a_jam_ends_the_job(peer: Peer, printer: A4Printer) -> None:
    peer.post("paper", state="jam")
    with pytest.raises(PaperJam) as caught:
        printer.print_pdf(pdf(), "job-3")
    assert caught.value.begun is True
    assert printer.find("job-3") == "aborted"
    peer.post("paper", state="ok")
    printer.print_pdf(pdf(), "job-4")
    assert len(printed(peer)) == 1


def test_a_printer_that_is_not_there_and_comes_back(peer: Peer, printer: A4Printer) -> None:
    peer.post("unplug")
    with pytest.raises(DeviceMissing):
        printer.print_pdf(pdf(), "job-5")
    assert printer.health().level == Level.FAILED
    peer.post("plug")
    printer.print_pdf(pdf(), "job-5")
    assert len(printed(peer)) == 1


def test_a_printer_that_goes_during_the_job(peer: Peer, printer: A4Printer) -> None:
    (peer.home / "paper").write_text("out\n")
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(printer.print_pdf, pdf(), "job-6")
        other = A4Printer(peer.ready["uri"])
        while other.find("job-6") is None and not job.done():
            threading.Event().wait(0.02)
        peer.post("unplug")
        with pytest.raises(PrintUnknown) as caught:
            job.result()
    assert caught.value.cause in {"printer_gone", "no_answer"}


def test_a_frozen_printer_costs_its_process(peer: Peer) -> None:
    with Child("a4", "kiosk.hardware.a4_printer:A4Printer", {"uri": peer.ready["uri"]}) as child:
        child.call("print_pdf", deadline=20, pdf=pdf(), job="job-7")
        peer.post("freeze", frozen=True)
        with pytest.raises(DeviceTimeout):
            child.call("health", deadline=0.5)
        peer.post("freeze", frozen=False)
        child.call("print_pdf", deadline=20, pdf=pdf(), job="job-8")
    assert len(printed(peer)) == 2


@pytest.mark.parametrize(
    ("document", "job"),
    [(b"hello", "job"), (b"", "job"), (pdf(), ""), (pdf(), "张三"), (pdf(), "a" * 200)],
    ids=["not PDF", "empty", "no name", "name not ASCII", "name too long"],
)
def test_what_cannot_be_a_job_is_refused_before_the_printer(document: bytes, job: str) -> None:
    with pytest.raises(DeviceFailed):
        A4Printer("ipp://localhost:9/ipp/print").print_pdf(document, job)


def test_reasons_in_every_shape() -> None:
    assert _reasons({}) == _reasons({"printer-state-reasons": "none"}) == []
    assert _reasons({"printer-state-reasons": "media-empty-report"}) == ["media-empty-report"]
    assert _names(_reasons({"printer-state-reasons": ["toner-low", "media-empty-error"]}), "media-empty")


def test_the_simulator_leaves_no_process_behind(tmp_path: Path) -> None:
    with Peer("a4_printer", tmp_path) as peer:
        port = peer.ready["uri"].split(":")[2].split("/")[0]
    assert peer.status == 0
    with pytest.raises(DeviceMissing):
        A4Printer(f"ipp://localhost:{port}/ipp/print").find("job")


def test_a_killed_simulator_is_found_where_it_was(tmp_path: Path) -> None:
    with Peer("a4_printer", tmp_path) as peer:
        peer.process.kill()
        peer.process.wait()
        with Peer("a4_printer", tmp_path) as again:
            assert again.ready == peer.ready
            A4Printer(peer.ready["uri"]).print_pdf(pdf(), "job-9")
            assert len(printed(again)) == 1
