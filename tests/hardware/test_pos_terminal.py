"""The card terminal's driver against a terminal in another process: charged once, whatever gets lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.hardware.errors import DeviceBusy, DeviceMissing, PosDeclined, PosUnknown
from kiosk.hardware.health import Level
from kiosk.hardware.pos_terminal import Mark, PosTerminal
from kiosk.hardware.pos_terminal_frames import ACK, NAK, BadFrame, Splitter, decode, encode
from kiosk.hardware.pos_terminal_profile import GENERIC, Profile, read_profile
from kiosk.payments.bills import parse_settlement
from kiosk.payments.channel import LineKind
from tests.hardware.peers import Peer

ORDER = "K1YY202611200001"


@pytest.fixture
def pos(tmp_path: Path) -> Iterator[Peer]:
    with Peer("pos", tmp_path / "pos", "--link", str(tmp_path / "tty")) as peer:
        yield peer


@pytest.fixture
def terminal(tmp_path: Path, pos: Peer) -> Iterator[PosTerminal]:
    profile = tmp_path / "profile.toml"
    profile.write_text('name = "quick"\nseconds_ack = 1\nseconds_answer = 1.0\nseconds_customer = 0.6\n')
    with PosTerminal(str(tmp_path / "tty"), str(profile)) as device:
        yield device


def charged(pos: Peer) -> list[int]:
    return [entry["amount"] for entry in pos.post("ledger")["entries"] if entry["kind"] == "sale"]


def test_approved(pos: Peer, terminal: PosTerminal) -> None:
    assert terminal.health().level is Level.FINE
    pos.post("approve", card="6222021234567890")
    slip = terminal.sale(20000, ORDER)
    (entry,) = pos.post("ledger")["entries"]
    assert (slip.amount_fen, slip.order, slip.reference, slip.trace) == (
        20000,
        ORDER,
        entry["reference"],
        entry["trace"],
    )
    assert slip.card == "7890"
    assert abs(slip.at - datetime.now(UTC)) < timedelta(seconds=30)
    assert "6222021234567890" not in repr(slip)


def test_the_customer_takes_his_time(pos: Peer, terminal: PosTerminal) -> None:
    mark = terminal.begin(20000, ORDER)
    thread = threading.Timer(0.2, pos.post, ("approve",))
    thread.start()
    assert terminal.charge(mark).amount_fen == 20000
    thread.join()


def test_declined(pos: Peer, terminal: PosTerminal) -> None:
    pos.post("decline", response="51")
    mark = terminal.begin(20000, ORDER)
    with pytest.raises(PosDeclined) as declined:
        terminal.charge(mark)
    assert declined.value.response == "51"
    assert terminal.find(mark) is None
    assert charged(pos) == []


def test_a_lost_result_is_asked_for_and_never_charged_again(pos: Peer, terminal: PosTerminal) -> None:
    pos.post("lost_result")
    mark = terminal.begin(20000, ORDER)
    with pytest.raises(PosUnknown):
        terminal.charge(mark)
    pos.post("approve")
    with pytest.raises(PosUnknown, match="mark_used"):
        terminal.charge(mark)
    slip = terminal.find(mark)
    assert slip is not None
    assert slip.order == ORDER
    assert charged(pos) == [20000]
    assert terminal.find(mark) == slip


def test_the_answer_outlives_the_driver(pos: Peer, terminal: PosTerminal, tmp_path: Path) -> None:
    """The process dies after the charge; somebody else uses the terminal; a new process still finds the slip."""
    pos.post("lost_result")
    mark = terminal.begin(20000, ORDER)
    with pytest.raises(PosUnknown):
        terminal.charge(mark)
    terminal.close()
    with PosTerminal(str(tmp_path / "tty")) as fresh:
        pos.post("approve")
        fresh.sale(500, "OTHER")
        slip = fresh.find(mark)
    assert slip is not None
    assert (slip.amount_fen, slip.order) == (20000, ORDER)


def test_an_abandoned_amount_is_taken_away(pos: Peer, terminal: PosTerminal) -> None:
    pos.post("abandon")
    mark = terminal.begin(20000, ORDER)
    with pytest.raises(PosUnknown):
        terminal.charge(mark)
    assert pos.state()["amount_on_screen_fen"] == 20000
    assert terminal.health().level is Level.BUSY
    with pytest.raises(DeviceBusy):
        terminal.begin(1, "NEXT")
    assert terminal.find(mark) is None
    assert pos.state()["amount_on_screen_fen"] is None
    assert charged(pos) == []
    pos.post("approve")
    assert terminal.charge(mark).amount_fen == 20000, "the same mark may be tried again: nothing has happened"


def test_another_sale_of_the_same_amount_is_not_ours(pos: Peer, terminal: PosTerminal) -> None:
    mark = terminal.begin(20000, ORDER)
    pos.post("approve")
    terminal.sale(20000, "OTHER")
    assert terminal.find(mark) is None


def test_a_customer_at_the_keys_is_waited_for(pos: Peer, terminal: PosTerminal) -> None:
    pos.post("card")
    mark = terminal.begin(20000, ORDER)
    with pytest.raises(PosUnknown):
        terminal.charge(mark)
    with pytest.raises(DeviceBusy):
        terminal.find(mark)
    pos.post("approve")
    deadline = time.monotonic() + 5
    while not charged(pos):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    slip = terminal.find(mark)
    assert slip is not None
    assert slip.amount_fen == 20000


def test_a_stale_answer_is_ignored(pos: Peer, terminal: PosTerminal) -> None:
    pos.post("stale")
    assert terminal.sale(20000, ORDER).amount_fen == 20000


def test_a_damaged_answer_is_asked_for_again(pos: Peer, terminal: PosTerminal) -> None:
    pos.post("wrong_check")
    assert terminal.sale(20000, ORDER).amount_fen == 20000
    assert charged(pos) == [20000]


def test_void(pos: Peer, terminal: PosTerminal) -> None:
    pos.post("auto")
    slip = terminal.sale(20000, ORDER)
    terminal.sale(300, "OTHER")
    mark = terminal.begin(20000, ORDER, voids=slip.trace)
    void = terminal.charge(mark)
    assert (void.kind, void.amount_fen) == ("void", 20000)
    assert terminal.find(mark) == void
    with pytest.raises(PosDeclined):
        terminal.charge(terminal.begin(20000, ORDER, voids=slip.trace))
    with pytest.raises(PosDeclined):
        terminal.charge(terminal.begin(1, ORDER, voids=slip.trace))


def test_unplugged_and_plugged_again(pos: Peer, terminal: PosTerminal) -> None:
    pos.post("lost_result")
    mark = terminal.begin(20000, ORDER)
    with pytest.raises(PosUnknown):
        terminal.charge(mark)
    pos.post("unplug")
    with pytest.raises(DeviceMissing):
        terminal.find(mark)
    assert terminal.health().level is Level.FAILED
    pos.post("plug")
    slip = terminal.find(mark)
    assert slip is not None
    assert slip.amount_fen == 20000


def test_pulled_out_in_the_middle(pos: Peer, terminal: PosTerminal) -> None:
    mark = terminal.begin(20000, ORDER)
    thread = threading.Timer(0.2, pos.post, ("unplug",))
    thread.start()
    with pytest.raises(PosUnknown):
        terminal.charge(mark)
    thread.join()


def test_settlement_is_what_the_terminal_booked(pos: Peer, terminal: PosTerminal) -> None:
    pos.post("auto")
    slip = terminal.sale(20000, ORDER)
    terminal.charge(terminal.begin(20000, ORDER, voids=slip.trace))
    name = pos.post("settlement", date=f"{slip.at:%Y-%m-%d}")["file"]
    sale, void = parse_settlement((pos.home / name).read_bytes())
    assert (sale.number, sale.amount_fen, sale.fee_fen, sale.at) == (slip.reference, 20000, 120, slip.at)
    assert (void.kind, void.number, void.fee_fen) == (LineKind.REFUND, slip.reference, -120)


def test_nobody_there(tmp_path: Path) -> None:
    with PosTerminal(str(tmp_path / "none")) as terminal, pytest.raises(DeviceMissing):
        terminal.begin(1, ORDER)


def test_a_silent_line_ends_in_time(tmp_path: Path, pos: Peer) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text("seconds_ack = 0.3\nseconds_answer = 0.3\nseconds_customer = 0.3\n")
    with PosTerminal(str(tmp_path / "tty"), str(profile)) as terminal:
        mark = terminal.begin(20000, ORDER)
        started = time.monotonic()
        with pytest.raises(PosUnknown):
            terminal.charge(mark)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("amount", "order"), [(0, ORDER), (10**12, ORDER), (1, ""), (1, "a b"), (1, "x" * 33), (1, "柜")]
)
def test_what_cannot_be_asked(terminal: PosTerminal, amount: int, order: str) -> None:
    with pytest.raises(ValueError, match="wanted"):
        terminal.begin(amount, order)


def test_marks_survive_the_journal() -> None:
    mark = Mark("void", "T1", 7, 20000, ORDER, "12345678", 6)
    assert Mark.parse(str(mark)) == mark
    with pytest.raises(ValueError, match=r"."):
        Mark.parse("loan:1:2:3:4:5:6")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("unheard = 1", "unknown key unheard"),
        ('tag_type = "DF"', "four hex digits"),
        ("tag_type = 5", "wrong type"),
        ("seconds_ack = 0", "seconds"),
        ('responses_busy = "B1"', "wrong type"),
        ("name =", "Invalid value"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        read_profile(path)


def test_a_profile_of_one_s_own(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('name = "ums"\ntag_order = ""\nresponses_busy = ["E1", "E2"]\n')
    profile = read_profile(path)
    assert profile == Profile(name="ums", tag_order="", responses_busy=("E1", "E2"))
    assert profile.tag_amount == GENERIC.tag_amount


tags = st.dictionaries(st.integers(0, 255).map(lambda n: f"DF{n:02X}"), st.binary(max_size=300), max_size=5)


@given(tags, st.lists(st.integers(1, 40), max_size=20))
def test_frames_there_and_back(values: dict[str, bytes], cuts: list[int]) -> None:
    stream = b"\xff\x00" + bytes([ACK]) + encode(values) + bytes([NAK])
    splitter, heard = Splitter(), []
    for cut in [*cuts, len(stream)]:
        heard += list(splitter.feed(stream[:cut]))
        stream = stream[cut:]
    assert heard[0] == ACK
    assert heard[2] == NAK
    assert isinstance(heard[1], bytes)
    assert decode(heard[1]) == values


@given(st.binary(max_size=100))
def test_noise_is_no_frame(noise: bytes) -> None:
    for heard in Splitter().feed(noise):
        if isinstance(heard, bytes):
            try:
                decode(heard)
            except BadFrame:
                continue


@given(st.integers(0, 200), st.integers(1, 255))
def test_one_flipped_byte_is_noticed(place: int, flip: int) -> None:
    """No single wrong byte gives a frame with other content."""
    whole = encode({"DF03": bytes(6), "DF04": b"12345678"})
    at = place % len(whole)
    damaged = whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
    assert all(not isinstance(heard, bytes) for heard in Splitter().feed(damaged))
