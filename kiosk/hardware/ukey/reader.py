"""The UKey driver: everything the kiosk does with a UKey, over any PKCS#11 module.

To be run in one process with one thread (``kiosk.hardware.child.Child``). Each method stands alone: it looks what is
inserted, logs in, works, reads back, logs out. Nothing ever deletes a pair that has a certificate, or a certificate;
writing again what is already there is no error, so a caller that was interrupted simply calls again.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Final, Self

from cryptography import x509
from pkcs11 import Attribute, CertificateType, ObjectClass, TokenFlag
from pkcs11.exceptions import PKCS11Error

from kiosk.hardware.errors import (
    DeviceError,
    DeviceFailed,
    KeyMissing,
    PinTooWeak,
    ProofFailed,
    TokenFull,
    TokenNotBlank,
    TokenRemoved,
)
from kiosk.hardware.health import Health, Level, health_of
from kiosk.hardware.ukey import keys, objects
from kiosk.hardware.ukey.model import TokenContents, TokenInfo
from kiosk.hardware.ukey.module import TokenModule, chosen, still_there
from kiosk.hardware.ukey.objects import Pair
from kiosk.hardware.ukey.pin import pin_weakness

MOST_CHARACTERS = 64
LARGEST_OBJECT: Final = 256 * 1024
LARGEST_CERTIFICATE: Final = 16 * 1024
_NONCE: Final = 32


class UKeyReader:
    """All UKeys behind one PKCS#11 module.

    Common errors: TokenMissing, SeveralTokens(count), TokenRemoved, PinIncorrect(attempts_left), PinLocked,
    DeviceFailed(code) and, on a module that does not load, DeviceMissing.
    """

    def __init__(
        self, module: str, config: str = "", pcsc_socket: str = "", unlock_style: str = "so", reader: str = ""
    ) -> None:
        """``module``: path of the library; ``config``: its configuration file (SOFTHSM2_CONF, OPENSC_CONF).

        ``unlock_style``: ``so`` logs the security officer in and sets the PIN, ``puk`` gives PUK and PIN to C_SetPIN
        without a login (OpenSC ``user_pin_unblock_style = set_pin_in_unlogged_session`` in its configuration).
        ``pcsc_socket``: pcscd's socket if not the usual one; ``reader``: look only at slots whose description has this
        part, so that a clerk's card in its own reader is not taken for a customer's UKey.
        """
        if unlock_style not in {"so", "puk"}:
            raise DeviceFailed("bad_unlock_style")
        self._module = TokenModule(module, config, pcsc_socket, reader)
        self._unlock_style = unlock_style

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._module.close()

    def health(self) -> Health:
        """Fine with or without a UKey inserted; failed when the module cannot list its slots."""
        try:
            with self._module.enumerated() as tokens:
                return Health(Level.FINE, "ready", f"UKey x{len(tokens)}")
        except DeviceError as error:
            return health_of(error)

    # what is inserted

    def tokens(self) -> list[TokenInfo]:
        """All inserted, initialised UKeys. One pulled during the look is not among them."""
        for _ in range(3):
            with contextlib.suppress(TokenRemoved):
                return self._look()
        raise DeviceFailed("tokens_unsteady")

    def _look(self) -> list[TokenInfo]:
        with self._module.enumerated() as tokens:
            try:
                return [self._info(serial, token) for serial, token in tokens.items()]
            except (PKCS11Error, TokenRemoved):
                for serial in tokens:
                    self._module.confirm(serial)
                raise

    def inspect(self, serial: str | None = None) -> TokenContents:
        """What can be read without a PIN. None: exactly one UKey must be inserted."""
        with self._module.enumerated() as tokens:
            token = chosen(tokens, serial, alone=False)
            info = self._info(next(name for name, item in tokens.items() if item is token), token)
        with self._module.session(info.serial, alone=False) as session:
            contents = TokenContents(info, objects.certificates(session), objects.data_objects(session))
        if not contents.certificates or not contents.objects:
            self._module.confirm(info.serial)
        return contents

    def _info(self, serial: str, token: Any) -> TokenInfo:
        session = token.open()
        try:
            blank = objects.nothing_there(session)
            still_there(token)
        finally:
            session.close()
        flags = token.flags
        return TokenInfo(
            serial=serial,
            label=token.label,
            manufacturer=token.manufacturer_id,
            model=token.model,
            blank=blank,
            free_memory=self._module.free_memory(token),
            pin_set=bool(flags & TokenFlag.USER_PIN_INITIALIZED),
            pin_count_low=bool(flags & TokenFlag.USER_PIN_COUNT_LOW),
            pin_final_try=bool(flags & TokenFlag.USER_PIN_FINAL_TRY),
            pin_locked=bool(flags & TokenFlag.USER_PIN_LOCKED),
            reader=token.slot.slot_description,
        )

    # the PIN

    def prove_pin(self, serial: str, pin: str, key_id: str | None = None) -> None:
        """Raise PinIncorrect or PinLocked unless ``pin`` is right; with ``key_id`` that pair must also sign."""
        with self._module.session(serial, pin=pin) as session:
            if key_id is not None:
                pair = objects.pair(session, key_id)
                _prove(pair, pair.public_key())

    def change_pin(self, serial: str, old: str, new: str) -> None:
        """Replace the PIN by its owner. PinTooWeak(code) if ``new`` is weak."""
        _refuse_weak(new)
        with self._module.session(serial, pin=old, write=True) as session:
            session.set_pin(old, new)

    def unlock(self, serial: str, so_pin: str, new_pin: str) -> None:
        """Set a new PIN by the authorisation code (SO PIN or PUK) and try it; keys and certificates stay.

        PinIncorrect and PinLocked speak of the code here.
        """
        _refuse_weak(new_pin)
        if self._unlock_style == "puk":
            with self._module.session(serial, write=True) as session:
                session.set_pin(so_pin, new_pin)
        else:
            with self._module.session(serial, so_pin=so_pin) as session:
                session.init_pin(new_pin)
        self.prove_pin(serial, new_pin)

    def initialise(self, serial: str, so_pin: str, label: str, pin: str) -> TokenInfo:
        """Wipe a blank UKey, name it and set its first PIN. TokenNotBlank, and nothing touched, if it carries anything.

        The PIN is not known yet, so private objects without a public part go unseen: only for UKeys from stock.
        """
        _refuse_weak(pin)
        with self._module.session(serial) as session:
            if not objects.nothing_there(session):
                raise TokenNotBlank()
        self._module.init_token(serial, so_pin, label)
        with self._module.session(serial, so_pin=so_pin) as session:
            session.init_pin(pin)
        self.prove_pin(serial, pin)
        return self.inspect(serial).info

    # keys

    def generate(self, serial: str, pin: str, key_id: str, algorithm: str = "rsa2048", use: str = "sign") -> bytes:
        """Make a pair on the UKey under ``key_id`` (hex, CKA_ID) and return its SubjectPublicKeyInfo (DER).

        ``algorithm``: rsa2048 or p256; ``use``: sign or encrypt (then the key may decrypt, too). The private key is
        sensitive and not extractable. A whole pair already there is returned as it is; half a one raises
        KeyMissing("half_a_pair"): take a new id.
        """
        with self._module.session(serial, pin=pin, write=True) as session:
            pair = objects.pair(session, key_id)
            if pair.half:
                raise KeyMissing("half_a_pair")
            if not pair.whole:
                objects.generate(session, key_id, algorithm, use)
                pair = objects.pair(session, key_id)
            return keys.spki(pair.public_key())

    def find_key(self, serial: str, pin: str, key_id: str) -> bytes | None:
        """The SubjectPublicKeyInfo of the whole pair under ``key_id``; None if there is none or only half of it."""
        with self._module.session(serial, pin=pin) as session:
            pair = objects.pair(session, key_id)
            found = keys.spki(pair.public_key()) if pair.whole else None
        if found is None:
            self._module.confirm(serial)
        return found

    def request(self, serial: str, pin: str, key_id: str, subject: list[tuple[str, str]]) -> bytes:
        """A PKCS#10 request (RFC 2986, DER) for ``subject``, pairs (dotted OID, value), signed by the UKey."""
        try:
            name = x509.Name([_attribute(oid, value) for oid, value in subject])
        except (ValueError, TypeError):
            raise DeviceFailed("bad_subject") from None
        with self._module.session(serial, pin=pin) as session:
            return objects.pair(session, key_id).request(name)

    def prove_key(self, serial: str, pin: str, key_id: str, cert_der: bytes) -> None:
        """Have the UKey sign a fresh nonce and verify it with the certificate; ProofFailed if it does not."""
        certificate = _certificate(cert_der)
        with self._module.session(serial, pin=pin) as session:
            _prove(objects.pair(session, key_id), certificate.public_key())

    def sweep(self, serial: str, pin: str, key_id: str) -> int:
        """Remove what an abandoned new pair left under ``key_id``; returns the number of objects removed.

        DeviceFailed("key_in_use") if any certificate on the UKey belongs to it: such a pair is never touched.
        """
        with self._module.session(serial, pin=pin, write=True) as session:
            pair = objects.pair(session, key_id)
            if objects.belongs_to_a_certificate(session, key_id, pair):
                raise DeviceFailed("key_in_use")
            return pair.destroy()

    # certificates and seals

    def write_certificate(self, serial: str, pin: str, key_id: str, cert_der: bytes, label: str | None = None) -> None:
        """Import a certificate beside its pair and read it back. The label defaults to the subject's common name.

        The same certificate already there: nothing to do. Another one under the id: DeviceFailed("key_id_taken").
        ProofFailed("certificate_of_another_key") if it does not fit the pair.
        """
        certificate = _certificate(cert_der)
        with self._module.session(serial, pin=pin, write=True) as session:
            present = objects.certificate(session, key_id)
            if present is not None and present != cert_der:
                raise DeviceFailed("key_id_taken")
            if keys.spki(objects.pair(session, key_id).public_key()) != keys.certificate_spki(cert_der):
                raise ProofFailed("certificate_of_another_key")
            if present is None:
                self._room(session, len(cert_der))
                session.create_object(_certificate_template(certificate, cert_der, key_id, label))
        self._must_be(serial, self.read_certificate(serial, key_id), cert_der)

    def read_certificate(self, serial: str, key_id: str) -> bytes | None:
        """The certificate (DER) under ``key_id``, without a PIN."""
        with self._module.session(serial, alone=False) as session:
            found = objects.certificate(session, key_id)
        if found is None:
            self._module.confirm(serial)
        return found

    def write_object(self, serial: str, pin: str, label: str, data: bytes) -> None:
        """Store public data (an electronic seal, up to 256 KB) under ``label`` and read it back.

        The same data already there: nothing to do. Other data under the label: DeviceFailed("label_taken").
        """
        if not data or len(data) > LARGEST_OBJECT:
            raise DeviceFailed("bad_object_size", size=len(data))
        with self._module.session(serial, pin=pin, write=True) as session:
            present = objects.data(session, label)
            if present is not None and present != data:
                raise DeviceFailed("label_taken")
            if present is None:
                self._room(session, len(data))
                session.create_object(
                    {
                        Attribute.CLASS: ObjectClass.DATA,
                        Attribute.TOKEN: True,
                        Attribute.PRIVATE: False,
                        Attribute.LABEL: label,
                        Attribute.APPLICATION: "ca-kiosk",
                        Attribute.VALUE: data,
                    }
                )
        self._must_be(serial, self.read_object(serial, label), data)

    def read_object(self, serial: str, label: str) -> bytes | None:
        """The public data under ``label``, without a PIN."""
        with self._module.session(serial, alone=False) as session:
            found = objects.data(session, label)
        if found is None:
            self._module.confirm(serial)
        return found

    def _must_be(self, serial: str, found: bytes | None, written: bytes) -> None:
        """Compare what was read back."""
        if found != written:
            self._module.confirm(serial)
            raise DeviceFailed("read_back_differs")

    def _room(self, session: Any, size: int) -> None:
        free = self._module.free_memory(session.token)
        if free is not None and free < size:
            raise TokenFull(free=free, needed=size)


def _attribute(oid: str, value: str) -> x509.NameAttribute[str]:
    """The library counts octets, three to a Han character; the bound is in characters (RFC 5280, appendix A)."""
    if value.isascii():
        return x509.NameAttribute(x509.ObjectIdentifier(oid), value)
    if len(value) > MOST_CHARACTERS:
        raise ValueError(oid)
    return x509.NameAttribute(x509.ObjectIdentifier(oid), value, _validate=False)


def _refuse_weak(pin: str) -> None:
    weakness = pin_weakness(pin)
    if weakness is not None:
        raise PinTooWeak(weakness)


def _certificate(der: bytes) -> x509.Certificate:
    if len(der) > LARGEST_CERTIFICATE:
        raise DeviceFailed("bad_certificate")
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        raise DeviceFailed("bad_certificate") from None


def _prove(pair: Pair, public: Any) -> None:
    nonce = os.urandom(_NONCE)
    if not keys.verifies(public, pair.sign(nonce), nonce):
        raise ProofFailed()


def _certificate_template(
    certificate: x509.Certificate, der: bytes, key_id: str, label: str | None
) -> dict[Attribute, Any]:
    """All that PKCS #11 v2.40 4.6.3 lists; OpenSC refuses an import without issuer and serial number."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return {
        Attribute.CLASS: ObjectClass.CERTIFICATE,
        Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
        Attribute.TOKEN: True,
        Attribute.PRIVATE: False,
        Attribute.ID: objects.raw_id(key_id),
        Attribute.LABEL: label or (str(names[0].value) if names else key_id),
        Attribute.SUBJECT: certificate.subject.public_bytes(),
        Attribute.ISSUER: certificate.issuer.public_bytes(),
        Attribute.SERIAL_NUMBER: objects.der_integer(certificate.serial_number),
        Attribute.START_DATE: certificate.not_valid_before_utc.date(),
        Attribute.END_DATE: certificate.not_valid_after_utc.date(),
        Attribute.VALUE: der,
    }
