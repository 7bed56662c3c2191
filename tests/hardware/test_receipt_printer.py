from __future__ import annotations

import io
import os
import select
import socket
import threading
import tty
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from escpos.printer import Dummy
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from kiosk.hardware.child import Child
from kiosk.hardware.errors import (
    CoverOpen,
    DeviceBusy,
    DeviceError,
    DeviceFailed,
    DeviceMissing,
    DeviceTimeout,
    PaperOut,
    PrintUnknown,
)
from kiosk.hardware.health import Level
from kiosk.hardware.receipt_printer import BAND, ReceiptPrinter, raster
from kiosk.simulators.receipt_printer_escpos import Cut, Language, Row

from .peers import Peer


def receipt(height: int = 400, seed: int = 1) -> bytes:
    picture = Image.new("L", (576, height), 255)
    draw = ImageDraw.Draw(picture)
    for line in range(10, height - 10, 14):
        draw.rectangle((10 + line % 50, line, 70 + (line * 37 * seed) % 500, line + 6), fill=0)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def dots(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as picture:
        return picture.convert("1", dither=Image.Dither.NONE).tobytes()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with Peer("receipt_printer", tmp_path) as peer:
        yield peer


@pytest.fixture
def printer(peer: Peer) -> Iterator[ReceiptPrinter]:
    with ReceiptPrinter(peer.ready["address"], acknowledge=2.0, answer=0.3) as printer:
        yield printer


def kept(peer: Peer) -> list[bytes]:
    return [peer.get(f"/files/receipts/{name}") for name in peer.post("list")["receipts"]]


def test_what_comes_out_is_dot_for_dot_what_went_in(peer: Peer, printer: ReceiptPrinter) -> None:
    for seed, height in ((1, 400), (2, BAND), (3, 1201)):
        png = receipt(height, seed)
        printer.print_png(png)
        assert dots(kept(peer)[-1]) == dots(png)
    assert len(kept(peer)) == 3
    assert printer.health().level == Level.FINE


def test_a_foreign_encoder_makes_the_same_bytes() -> None:
    png = receipt(BAND - 1)
    with Image.open(io.BytesIO(png)) as picture:
        judge = Dummy()
        judge.image(picture, impl="bitImageRaster", fragment_height=BAND)
    bands, rows = raster(png, 576)
    assert b"".join(bands) == judge.output
    assert rows == BAND - 1


@pytest.mark.parametrize(
    ("verb", "body", "error"),
    [
        ("paper", {"state": "out"}, PaperOut),
        ("cover", {"open": True}, CoverOpen),
        ("offline", {"offline": True}, DeviceFailed),
        ("mute", {"mute": True}, DeviceTimeout),
        ("unplug", {}, DeviceMissing),
    ],
)
def test_trouble_before_the_print_prints_nothing(
    peer: Peer, printer: ReceiptPrinter, verb: str, body: dict[str, object], error: type[DeviceError]
) -> None:
    peer.post(verb, **body)
    with pytest.raises(error):
        printer.print_png(receipt())
    assert printer.health().level == (Level.UNKNOWN if verb == "mute" else Level.FAILED)
    peer.post("paper", state="ok")
    peer.post("cover", open=False)
    peer.post("offline", offline=False)
    peer.post("mute", mute=False)
    peer.post("plug")
    assert kept(peer) == []
    printer.print_png(receipt())
    assert len(kept(peer)) == 1


def test_little_paper_is_told_and_prints(peer: Peer, printer: ReceiptPrinter) -> None:
    peer.post("paper", state="low")
    assert (printer.health().level, printer.health().code) == (Level.WARNING, "paper_low")
    printer.print_png(receipt())
    assert len(kept(peer)) == 1


def test_paper_that_ends_in_the_middle_is_unknown_and_printed_once(peer: Peer, printer: ReceiptPrinter) -> None:
    first, second = receipt(400, 1), receipt(300, 2)
    peer.post("paper", state="out", after_rows=100)
    with pytest.raises(PrintUnknown) as caught:
        printer.print_png(first)
    assert caught.value.cause == "paper_out"
    with pytest.raises(PaperOut):
        printer.print_png(second)
    peer.post("paper", state="ok")
    printer.print_png(second)
    assert [dots(png) for png in kept(peer)] == [dots(first), dots(second)]


def test_an_old_acknowledgement_is_not_taken_for_the_new_ones(peer: Peer, tmp_path: Path) -> None:
    """The first receipt's answer comes late, to the second receipt's connection; then the paper ends again."""
    with ReceiptPrinter(peer.ready["address"], acknowledge=0.3, answer=0.3) as printer:
        peer.post("paper", state="out", after_rows=100)
        with pytest.raises(PrintUnknown):
            printer.print_png(receipt(400))
        peer.post("paper", state="ok")
        peer.post("paper", state="out", after_rows=350)
        with pytest.raises(PrintUnknown):
            printer.print_png(receipt(400, 2))
    assert len(kept(peer)) == 1


def test_a_sender_that_died_in_a_raster_does_not_spoil_the_next_receipt(peer: Peer, printer: ReceiptPrinter) -> None:
    host, port = peer.ready["address"].removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port))) as broken:
        broken.sendall(b"\x1b@" + raster(receipt(BAND), 576)[0][0][:5000])
    printer.print_png(receipt(300, 3))
    assert dots(kept(peer)[-1]) == dots(receipt(300, 3))


def test_a_printer_still_at_work_refuses_the_next(tmp_path: Path) -> None:
    slow = Peer("receipt_printer", tmp_path, "--rows-per-second", "60")
    with slow as peer, ReceiptPrinter(peer.ready["address"], acknowledge=0.2, answer=0.3) as printer:
        with pytest.raises(PrintUnknown) as caught:
            printer.print_png(receipt(700))
        assert caught.value.cause == "no_answer"
        with pytest.raises(DeviceBusy):
            printer.print_png(receipt(50))


def test_a_dead_line_in_the_middle_is_unknown(peer: Peer, printer: ReceiptPrinter) -> None:
    """Nothing is read behind the stopped buffer, so that sending stalls; then the plug is pulled."""
    peer.post("paper", state="out", after_rows=10)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(printer.print_png, receipt(6000))
        while peer.state()["waiting_bytes"] < 60_000:
            threading.Event().wait(0.02)
        peer.post("unplug")
        with pytest.raises(PrintUnknown) as caught:
            job.result()
    assert caught.value.cause in {"device_missing", "device_hung_up"}


def test_over_a_serial_line(peer: Peer) -> None:
    """The same printer at the end of a pseudo terminal."""
    host, port = peer.ready["address"].removeprefix("tcp://").split(":")
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    stop = threading.Event()

    def carry(wire: socket.socket) -> None:
        while not stop.is_set():
            for end in select.select([ours, wire], [], [], 0.05)[0]:
                if end is wire:
                    os.write(ours, wire.recv(4096))
                else:
                    wire.sendall(os.read(ours, 4096))

    with socket.create_connection((host, int(port))) as wire:
        carrier = threading.Thread(target=carry, args=(wire,))
        carrier.start()
        try:
            with ReceiptPrinter(f"serial:{os.ttyname(theirs)}", acknowledge=2) as printer:
                printer.print_png(receipt(500))
                assert printer.health().level == Level.FINE
        finally:
            stop.set()
            carrier.join()
    os.close(ours)
    os.close(theirs)
    assert [dots(png) for png in kept(peer)] == [dots(receipt(500))]


@pytest.mark.parametrize("png", [b"", b"GIF89a", receipt()[:300], b"\x89PNG\r\n\x1a\n" + bytes(64)])
def test_what_is_no_receipt_is_refused_before_the_printer(printer: ReceiptPrinter, png: bytes, peer: Peer) -> None:
    with pytest.raises(DeviceFailed):
        printer.print_png(png)
    assert kept(peer) == []


def test_a_printer_switched_off_and_on_is_where_it_was(tmp_path: Path) -> None:
    with Peer("receipt_printer", tmp_path) as peer, ReceiptPrinter(peer.ready["address"]) as printer:
        printer.print_png(receipt())
        peer.process.kill()
        peer.process.wait()
        with pytest.raises(DeviceMissing):
            printer.print_png(receipt())
        with Peer("receipt_printer", tmp_path) as again:
            printer.print_png(receipt(300, 2))
            assert [dots(png) for png in kept(again)] == [dots(receipt()), dots(receipt(300, 2))]


def test_an_answer_that_comes_while_the_status_is_asked_counts(tmp_path: Path) -> None:
    """A slow printer acknowledges after several status questions; none of the answers is lost or mistaken."""
    slow = Peer("receipt_printer", tmp_path, "--rows-per-second", "300")
    with slow as peer, ReceiptPrinter(peer.ready["address"], acknowledge=5, answer=0.05) as printer:
        printer.print_png(receipt(200))
        assert len(kept(peer)) == 1


def test_in_its_own_process(peer: Peer) -> None:
    with Child("receipt", "kiosk.hardware.receipt_printer:ReceiptPrinter", {"address": peer.ready["address"]}) as child:
        child.call("print_png", deadline=20, png=receipt())
        peer.post("paper", state="out")
        with pytest.raises(PaperOut):
            child.call("print_png", deadline=20, png=receipt())
    assert len(kept(peer)) == 1


@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([b"\x1dv0\0\x01\0\x03\0", b"\x1dV\x42\0", b"\x1dr\x01"]), max_size=30
    )
)
def test_no_stream_breaks_the_printers_language(chunks: list[bytes]) -> None:
    language = Language()
    for chunk in chunks:
        language.held += chunk
        while language.next() is not None:
            pass
    assert len(language.held) < 200


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 72), st.integers(1, 40), st.data())
def test_rows_survive_any_pieces(across: int, rows: int, data: st.DataObject) -> None:
    bits = bytes(range(256)) * (across * rows // 256 + 1)
    bits = bits[: across * rows]
    stream = b"\x1dv0\0" + across.to_bytes(2, "little") + rows.to_bytes(2, "little") + bits + b"\x1dV\x42\x60"
    language, out = Language(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        language.held += stream[:cut]
        stream = stream[cut:]
        while (command := language.next()) is not None:
            out.append(command)
    assert out[-1] == Cut()
    assert b"".join(row.bits for row in out if isinstance(row, Row)) == bits
