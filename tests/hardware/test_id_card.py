from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.hardware.child import Child
from kiosk.hardware.errors import (
    CardLifted,
    CardMissing,
    CardUnreadable,
    DeviceBusy,
    DeviceFailed,
    DeviceMissing,
    DeviceTimeout,
)
from kiosk.hardware.health import Level
from kiosk.hardware.id_card import IdCardReader
from kiosk.hardware.id_frames import HEADER, Damaged, FrameParser, Reply, request
from kiosk.hardware.id_text import NATIONS, parse

from .peers import Peer

LI: dict[str, Any] = {
    "kind": "resident",
    "name": "李䶮",
    "sex": "女",
    "nation": "土家",
    "birth": "1990-03-07",
    "address": "湖南省益阳市赫山区康富南路1号",
    "number": "430902199003070021",
    "issuer": "益阳市公安局赫山分局",
    "valid_from": "2019-05-01",
    "valid_to": None,
}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    home = tmp_path_factory.mktemp("id_reader")
    with Peer("id_reader", home, "--link", str(home / "port")) as peer:
        yield peer


@pytest.fixture
def reader(peer: Peer) -> Iterator[IdCardReader]:
    peer.post("plug")
    peer.post("lift")
    peer.post("fault", kind="none")
    with IdCardReader(peer.ready["port"]) as reader:
        yield reader


def test_requests_are_the_published_frames() -> None:
    assert request(b"\x20\x01").hex() == "aaaaaa96690003200122"
    assert request(b"\x20\x02").hex() == "aaaaaa96690003200221"
    assert request(b"\x30\x01").hex() == "aaaaaa96690003300132"
    assert request(b"\x11\xff").hex() == "aaaaaa9669000311ffed"


def test_published_replies_are_understood() -> None:
    found = bytes.fromhex("aaaaaa9669000800009f0000000097")
    assert FrameParser().feed(found) == [Reply(0x9F, bytes(4))]
    assert FrameParser().feed(bytes.fromhex("aaaaaa96690004000080 84")) == [Reply(0x80, b"")]


def test_a_resident_card(peer: Peer, reader: IdCardReader) -> None:
    with pytest.raises(CardMissing) as caught:
        reader.read()
    assert caught.value.read_before is False
    peer.post("lay", **LI)
    assert reader.present()
    card = reader.read()
    assert (card.kind, card.name, card.sex, card.nation) == ("resident", "李䶮", "女", "土家")
    assert (card.birth, card.valid_from, card.valid_to) == (date(1990, 3, 7), date(2019, 5, 1), None)
    assert (card.number, card.address, card.issuer) == (LI["number"], LI["address"], LI["issuer"])
    assert len(card.photo_wlt) == 1024
    assert LI["number"] not in repr(card)


def test_a_read_card_answers_no_card_until_it_is_lifted(peer: Peer, reader: IdCardReader) -> None:
    peer.post("lay", **LI)
    reader.read()
    with pytest.raises(CardMissing) as caught:
        reader.read()
    assert caught.value.read_before is True
    assert not reader.present()
    assert peer.state()["lies"]
    peer.post("lift")
    peer.post("lay", **LI)
    assert reader.read().name == LI["name"]


def test_a_hong_kong_resident(peer: Peer, reader: IdCardReader) -> None:
    peer.post("lay", **{**LI, "kind": "hmt", "number": "810000199408230021", "pass_number": "H12345678"})
    card = reader.read()
    assert (card.kind, card.nation, card.pass_number) == ("hmt", "", "H12345678")


@pytest.mark.parametrize("kind", ["foreigner", "foreigner_2017"])
def test_a_foreigner(peer: Peer, reader: IdCardReader, kind: str) -> None:
    name = "BARTHOLOMEW ALEXANDER WOLFESCHLEGELSTEIN"
    number = "911124198108030024" if kind == "foreigner" else "USA110081080310"
    peer.post(
        "lay",
        kind=kind,
        name="巴索洛缪",
        name_en=name,
        sex="男",
        nation="USA",
        number=number,
        birth="1981-08-03",
        valid_from="2024-01-01",
        valid_to="2033-12-31",
    )
    card = reader.read()
    assert (card.kind, card.name, card.name_en, card.nation) == ("foreigner", "巴索洛缪", name, "USA")
    assert (card.number, card.valid_to) == (number, date(2033, 12, 31))


@pytest.mark.parametrize("kind", ["noise", "drip", "bad_checksum", "truncate"])
def test_one_disturbance_on_the_line_is_survived(peer: Peer, reader: IdCardReader, kind: str) -> None:
    peer.post("lay", **LI)
    peer.post("fault", kind=kind, times=1)
    assert reader.read().name == LI["name"]


@pytest.mark.parametrize("kind", ["bad_checksum", "truncate"])
def test_a_line_that_stays_disturbed_is_a_failure(peer: Peer, reader: IdCardReader, kind: str) -> None:
    peer.post("lay", **LI)
    peer.post("fault", kind=kind, times=2)
    with pytest.raises(DeviceFailed):
        reader.read()
    assert reader.read().name == LI["name"]


def test_silence_is_no_missing_card(peer: Peer, reader: IdCardReader) -> None:
    peer.post("lay", **LI)
    peer.post("fault", kind="silence", times=2)
    with pytest.raises(DeviceTimeout):
        reader.read()
    assert reader.health().level == Level.UNKNOWN
    assert reader.health().level == Level.FINE
    assert reader.read().name == LI["name"]


def test_a_card_lifted_while_being_read(peer: Peer, reader: IdCardReader) -> None:
    peer.post("lay", **LI)
    peer.post("fault", kind="lift_mid_read")
    with pytest.raises(CardLifted):
        reader.read()
    with pytest.raises(CardMissing) as caught:
        reader.read()
    assert caught.value.read_before is False
    peer.post("lay", **LI)
    assert reader.read().name == LI["name"]


def test_a_module_that_is_not_authorised(peer: Peer, reader: IdCardReader) -> None:
    peer.post("fault", kind="unauthorised", times=2)
    with pytest.raises(DeviceFailed) as caught:
        reader.read()
    assert caught.value.status == "66"
    assert reader.health().level == Level.FAILED


def test_the_plug_is_pulled_and_put_back(peer: Peer, tmp_path: Path) -> None:
    peer.post("plug")
    with Child("id_card", "kiosk.hardware.id_card:IdCardReader", {"port": peer.ready["port"]}) as child:
        assert child.call("health", deadline=5).level == Level.FINE
        pid = child.pid
        peer.post("unplug")
        with pytest.raises(DeviceMissing):
            child.call("read", deadline=5)
        assert child.call("health", deadline=5).code == "device_missing"
        peer.post("plug")
        peer.post("lay", **LI)
        assert child.call("read", deadline=5).name == LI["name"]
        assert child.pid == pid


def test_a_restless_customer(peer: Peer, reader: IdCardReader) -> None:
    """Whatever is done to card, line and plug in whatever order: a read gives that card or one of the named
    refusals.
    """
    dice = random.Random(20261121)
    disturb = ["noise", "drip", "bad_checksum", "truncate", "lift_mid_read"]
    people = {f"人{chr(0x4E00 + i)}": f"43090219900307{i:03d}1" for i in range(5)}
    read = refused = 0
    for _ in range(60):
        lying = dice.choice([*people, None])
        if lying:
            peer.post("lay", **{**LI, "name": lying, "number": people[lying]})
        else:
            peer.post("lift")
        kind = dice.choice([*disturb, "none", "none", "none", "none"])
        peer.post("fault", kind=kind)
        if dice.random() < 0.2:
            peer.post("unplug")
            peer.post("plug")
        try:
            card = reader.read()
            assert (card.name, card.number) == (lying, people[card.name])
            read += 1
        except (CardMissing, CardLifted, DeviceMissing):
            refused += 1
    assert read > 20
    assert refused > 5


def test_a_port_in_use_is_busy_not_missing(peer: Peer, reader: IdCardReader) -> None:
    assert reader.health().level == Level.FINE
    with Child("second", "kiosk.hardware.id_card:IdCardReader", {"port": peer.ready["port"]}) as child:
        with pytest.raises(DeviceBusy):
            child.call("read", deadline=5)
        assert child.call("health", deadline=5).level == Level.BUSY


def test_no_port_at_all(tmp_path: Path) -> None:
    with IdCardReader(str(tmp_path / "none")) as reader, pytest.raises(DeviceMissing):
        reader.read()


def test_the_simulator_refuses_a_card_that_cannot_be(peer: Peer) -> None:
    assert peer.post("lay", **{**LI, "name": "长" * 16})["status"] == 400
    assert peer.post("lay", **{**LI, "number": 5})["status"] == 400
    assert len(NATIONS) == 56


def blank(**at: str) -> bytes:
    text = bytearray(b" \0" * 128)
    for offset, value in {"o52": "20200101", "o0": "李", **at}.items():
        raw = value.encode("utf-16-le")
        text[int(offset[1:]) : int(offset[1:]) + len(raw)] = raw
    return bytes(text)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (blank(), "number"),
        (blank(o122="430902199003070021"), "birth"),
        (blank(o122="430902199003070021", o36="19900230"), "birth"),
        (blank(o122="430902199003070021", o36="1990０３０７"), "birth"),
        (blank(o248="Z"), "kind"),
        (b"\x00\xd8" * 128, "kind"),
        (blank()[:-1], "text"),
    ],
)
def test_a_text_without_sense_names_its_field(text: bytes, field: str) -> None:
    with pytest.raises(CardUnreadable) as caught:
        parse(text, bytes(1024))
    assert caught.value.field == field


@given(st.binary(min_size=256, max_size=256))
def test_any_text_is_read_or_refused(text: bytes) -> None:
    with contextlib.suppress(CardUnreadable):
        assert parse(text, b"").number


replies = st.builds(
    lambda status, data: (status, data),
    st.integers(0, 255),
    st.binary(max_size=40).filter(lambda data: HEADER[:1] not in data),
)


def frame(status: int, data: bytes) -> bytes:
    body = (len(data) + 4).to_bytes(2, "big") + bytes([0, 0, status]) + data
    check = 0
    for byte in body:
        check ^= byte
    return HEADER + body + bytes([check])


@given(
    st.lists(st.tuples(st.binary(max_size=12).filter(lambda noise: b"\xaa" not in noise), replies), max_size=5),
    st.data(),
)
def test_frames_are_found_in_any_noise_and_any_pieces(
    parts: list[tuple[bytes, tuple[int, bytes]]], data: st.DataObject
) -> None:
    stream = b"".join(noise + frame(*reply) for noise, reply in parts)
    parser, found = FrameParser(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += parser.feed(stream[:cut])
        stream = stream[cut:]
    assert [(reply.status, reply.data) for reply in found if isinstance(reply, Reply)] == [reply for _, reply in parts]


@given(st.lists(st.binary(max_size=64) | st.just(HEADER), max_size=30))
def test_no_stream_breaks_the_parser_or_fills_the_memory(chunks: list[bytes]) -> None:
    parser = FrameParser()
    for chunk in chunks:
        for found in parser.feed(chunk):
            assert isinstance(found, Reply | Damaged)
    assert len(parser._held) < 4200 + 64


@given(replies, replies)
def test_a_truncated_frame_costs_no_later_one(first: tuple[int, bytes], second: tuple[int, bytes]) -> None:
    parser = FrameParser()
    whole = frame(*second)
    found = parser.feed(frame(*first)[:-2]) + parser.feed(whole) + parser.feed(whole)
    assert found[-1] == Reply(*second)
