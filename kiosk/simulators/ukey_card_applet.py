"""The command set of a simulated UKey card: the interface of IsoApplet 0.6, which OpenSC drives without more ado.

Commands: ISO/IEC 7816-4, -8 and -9. A command that is refused changes nothing but a retry counter.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from kiosk.simulators.ukey_card_apdu import Apdu, Refused, parse, tlv
from kiosk.simulators.ukey_card_files import (
    CAPACITY,
    CREATE_FILE,
    DELETE_SELF,
    FREE,
    MF,
    PIN_NEEDED,
    READ,
    UPDATE,
    File,
    Memory,
)

AID: Final = bytes.fromhex("f276a288bcfba69d34f31001")
VERSION: Final = b"\x00\x06\x07"  # interface 0.6; extended APDUs, random numbers, elliptic curves
RSA_2048, EC_GENERATE, SIGN_RSA, SIGN_EC = 0xF3, 0xEC, 0x11, 0x21
P256_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
PIN_LENGTH: Final = 16
KEYS: Final = 16


class Applet:
    """One card with power on. ``run`` answers one APDU; ``reset`` is what cutting the power does."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._commands: dict[int, Callable[[Apdu], bytes]] = {
            0xA4: self._select,
            0xB0: self._read,
            0xD6: self._update,
            0xE0: self._create,
            0xE4: self._delete,
            0x20: self._verify,
            0x24: self._change,
            0x2C: self._unblock,
            0x22: self._environment,
            0x46: self._generate,
            0x2A: self._security_operation,
            0x84: lambda apdu: os.urandom(apdu.le or 8),
        }
        self.reset()

    def reset(self) -> None:
        self._verified = False
        self._directory = self._current = MF
        self._algorithm = self._reference = 0
        self._chained = b""

    def run(self, raw: bytes) -> bytes:
        """The response APDU."""
        try:
            apdu = Apdu(raw)
            if apdu.cla & 0x10:
                self._chained += apdu.data
                return b"\x90\x00"
            apdu.data, self._chained = self._chained + apdu.data, b""
            command = self._commands.get(apdu.ins)
            if command is None:
                raise Refused(0x6D00)
            return command(apdu) + b"\x90\x00"
        except Refused as refusal:
            return refusal.data + refusal.status.to_bytes(2, "big")

    # files

    def _file(self) -> File:
        return self.memory.files[self._current]

    def _allow(self, condition: int) -> None:
        """Before the PIN is set the card is in its maker's hands and everything is free."""
        if not self.memory.pin.value or condition == FREE or (condition == PIN_NEEDED and self._verified):
            return
        raise Refused(0x6982)

    def _select(self, apdu: Apdu) -> bytes:
        if apdu.p1 == 4:
            if apdu.data != AID:
                raise Refused(0x6A82)
            self.reset()
            return VERSION
        path = [int.from_bytes(apdu.data[at : at + 2], "big") for at in range(0, len(apdu.data), 2)] or [MF]
        if apdu.p1 == 0:
            place = self._lookup(path[-1])
        elif apdu.p1 in (8, 9):
            place = MF if apdu.p1 == 8 else self._directory
            for number in path:
                place = self._below(place, number)
        else:
            raise Refused(0x6A86)
        self._enter(place)
        return b"" if apdu.p2 & 0x0C == 0x0C else self._file().fci()

    def _lookup(self, number: int) -> int:
        """By identifier: the MF, the current DF, one of its children or its parent."""
        near = {MF, self._directory, self.memory.files[self._directory].parent}
        near |= {file.number for file in self.memory.children(self._directory)}
        if number not in near or number not in self.memory.files:
            raise Refused(0x6A82)
        return number

    def _below(self, parent: int, number: int) -> int:
        if number == MF:
            return MF
        if number not in {file.number for file in self.memory.children(parent)}:
            raise Refused(0x6A82)
        return number

    def _enter(self, number: int) -> None:
        self._current = number
        file = self.memory.files[number]
        self._directory = number if file.data is None else file.parent

    def _content(self) -> bytearray:
        data = self._file().data
        if data is None:
            raise Refused(0x6986)
        return data

    def _read(self, apdu: Apdu) -> bytes:
        data = self._content()
        self._allow(self._file().condition(READ))
        if apdu.p > len(data):
            raise Refused(0x6B00)
        found = bytes(data[apdu.p : apdu.p + apdu.le])
        if len(found) < apdu.le:
            raise Refused(0x6282, found)
        return found

    def _update(self, apdu: Apdu) -> bytes:
        data = self._content()
        self._allow(self._file().condition(UPDATE))
        if apdu.p + len(apdu.data) > len(data):
            raise Refused(0x6B00)
        data[apdu.p : apdu.p + len(apdu.data)] = apdu.data
        self.memory.save()
        return b""

    def _create(self, apdu: Apdu) -> bytes:
        self._allow(self.memory.files[self._directory].condition(CREATE_FILE))
        if len(apdu.data) < 2 or apdu.data[0] != 0x6F:
            raise Refused(0x6A80)
        fields = parse(apdu.data[2:])
        number, descriptor = int.from_bytes(fields.get(0x83, b""), "big"), fields.get(0x82, b"\x01")[0]
        size = int.from_bytes(fields.get(0x81, fields.get(0x80, b"")), "big")
        data = None if descriptor & 0x38 == 0x38 else bytearray(size)
        if number in self.memory.files and number != MF:
            raise Refused(0x6A89)
        if self.memory.used() + 32 + len(data or b"") > CAPACITY:
            raise Refused(0x6A84)
        parent = 0 if number == MF else self._directory
        self.memory.files[number] = File(number, parent, descriptor, fields.get(0x86, b""), data)
        self._enter(number)
        self.memory.save()
        return b""

    def _delete(self, apdu: Apdu) -> bytes:
        number = self._lookup(int.from_bytes(apdu.data, "big")) if apdu.data else self._current
        self._allow(self.memory.files[number].condition(DELETE_SELF))
        if number == MF:
            raise Refused(0x6982)
        parent = self.memory.files[number].parent
        self.memory.delete(number)
        self._enter(parent)
        self.memory.save()
        return b""

    # PIN and PUK

    def _refuse_pin(self, left: int) -> Refused:
        return Refused(0x63C0 | left if left else 0x6983)

    def _verify(self, apdu: Apdu) -> bytes:
        pin = self.memory.pin
        if apdu.p2 != 1:
            raise Refused(0x6A88)
        if not apdu.data:
            if self._verified:
                return b""
            raise self._refuse_pin(pin.left)
        self._verified = self._compare(pin.check(padded(apdu.data)))
        if not self._verified:
            raise self._refuse_pin(pin.left)
        return b""

    def _compare(self, right: bool) -> bool:
        """The counter is written before the answer goes out."""
        self.memory.save()
        return right

    def _change(self, apdu: Apdu) -> bytes:
        memory = self.memory
        if apdu.p1 == 1:  # the first value, in the maker's hands
            secret = {1: memory.pin, 2: memory.puk}.get(apdu.p2)
            if secret is None or secret.value or (apdu.p2 == 2 and memory.pin.value):
                raise Refused(0x6985)
            secret.value = padded(apdu.data)
            memory.save()
            return b""
        if apdu.p2 != 1 or len(apdu.data) != 2 * PIN_LENGTH:
            raise Refused(0x6A86)
        old, new = apdu.data[:PIN_LENGTH], apdu.data[PIN_LENGTH:]
        if not self._compare(memory.pin.check(old)):
            self._verified = False
            raise self._refuse_pin(memory.pin.left)
        memory.pin.value = new
        memory.save()
        return b""

    def _unblock(self, apdu: Apdu) -> bytes:
        memory = self.memory
        if apdu.p1 != 0 or apdu.p2 != 1 or len(apdu.data) != 2 * PIN_LENGTH or not memory.puk.value:
            raise Refused(0x6A86)
        if not self._compare(memory.puk.check(apdu.data[:PIN_LENGTH])):
            raise self._refuse_pin(memory.puk.left)
        memory.pin.value, memory.pin.left = apdu.data[PIN_LENGTH:], memory.pin.tries
        memory.save()
        return b""

    # keys

    def _environment(self, apdu: Apdu) -> bytes:
        if apdu.p1 != 0x41:
            raise Refused(0x6A86)
        fields = parse(apdu.data)
        self._algorithm = int.from_bytes(fields.get(0x80, b""), "big")
        self._reference = int.from_bytes(fields.get(0x84, b""), "big")
        if self._reference >= KEYS:
            raise Refused(0x6A80)
        return b""

    def _generate(self, apdu: Apdu) -> bytes:
        self._allow(PIN_NEEDED)
        if self._algorithm == RSA_2048:
            key = rsa.generate_private_key(65537, 2048)
            modulus = key.public_key().public_numbers().n.to_bytes(256, "big")
            answer = tlv(b"\x81", modulus) + tlv(b"\x82", b"\x01\x00\x01")
            self._keep(key)
        elif self._algorithm == EC_GENERATE:
            fields = parse(apdu.data)
            if int.from_bytes(fields.get(0x81, b""), "big") != P256_PRIME:
                raise Refused(0x6A81)
            curve_key = ec.generate_private_key(ec.SECP256R1())
            numbers = curve_key.public_key().public_numbers()
            fields[0x86] = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
            answer = b"".join(tlv(bytes((tag,)), fields[tag]) for tag in sorted(fields))
            self._keep(curve_key)
        else:
            raise Refused(0x6A81)
        return tlv(b"\x7f\x49", answer)

    def _keep(self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
        if self._reference not in self.memory.keys and self.memory.used() + 1200 > CAPACITY:
            raise Refused(0x6A84)
        self.memory.keys[self._reference] = key
        self.memory.save()

    def _security_operation(self, apdu: Apdu) -> bytes:
        self._allow(PIN_NEEDED)
        key = self.memory.keys.get(self._reference)
        if key is None:
            raise Refused(0x6A88)
        if apdu.p == 0x9E9A and self._algorithm == SIGN_EC and isinstance(key, ec.EllipticCurvePrivateKey):
            return _ecdsa(key, apdu.data)
        if apdu.p == 0x9E9A and self._algorithm == SIGN_RSA and isinstance(key, rsa.RSAPrivateKey):
            if len(apdu.data) > 245:
                raise Refused(0x6700)
            block = b"\x00\x01" + b"\xff" * (253 - len(apdu.data)) + b"\x00" + apdu.data  # RFC 8017, 9.2
            numbers = key.private_numbers()
            value = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n)
            return value.to_bytes(256, "big")
        raise Refused(0x6985)


def _ecdsa(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    """DER signature over a hash made by the host; a shorter one than SHA-256's is filled up from the left."""
    if len(digest) > 32:
        raise Refused(0x6700)
    return key.sign(digest.rjust(32, b"\0"), ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def padded(pin: bytes) -> bytes:
    """A PIN as the card keeps it: 16 bytes, filled with zeros."""
    if len(pin) > PIN_LENGTH:
        raise Refused(0x6700)
    return pin.ljust(PIN_LENGTH, b"\0")
