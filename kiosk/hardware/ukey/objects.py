"""What lies on a UKey, found and made through an open python-pkcs11 session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import AttributeTypeInvalid
from pkcs11.util.ec import encode_named_curve_parameters

from kiosk.hardware.errors import DeviceFailed, KeyMissing
from kiosk.hardware.ukey import keys
from kiosk.hardware.ukey.model import TokenCertificate, TokenObject

_SIGNING = {"rsa2048": Mechanism.SHA256_RSA_PKCS, "p256": Mechanism.ECDSA}


def raw_id(key_id: str) -> bytes:
    """CKA_ID from its hex form; DeviceFailed("bad_key_id") unless 1 to 32 bytes."""
    try:
        value = bytes.fromhex(key_id)
    except ValueError:
        raise DeviceFailed("bad_key_id") from None
    if not 1 <= len(value) <= 32 or value.hex() != key_id.lower():
        raise DeviceFailed("bad_key_id")
    return value


def der_integer(number: int) -> bytes:
    """``number`` (0 to 20 bytes, RFC 5280 4.1.2.2) as a DER INTEGER, the form of CKA_SERIAL_NUMBER."""
    body = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes((2, len(body))) + body


@dataclass(frozen=True)
class Pair:
    """The key objects under one id; either may be missing."""

    public: Any
    private: Any

    @property
    def whole(self) -> bool:
        return self.public is not None and self.private is not None

    @property
    def half(self) -> bool:
        return (self.public is None) != (self.private is None)

    def public_key(self) -> keys.PublicKey:
        """Raise KeyMissing unless both halves are there, DeviceFailed("bad_public_key") if it makes no sense."""
        if not self.whole:
            raise KeyMissing("half_a_pair" if self.half else None)
        try:
            return keys.public_key(self.public)
        except (ValueError, TypeError):
            raise DeviceFailed("bad_public_key") from None

    def sign(self, data: bytes) -> bytes:
        """SHA-256 signature over ``data``; KeyMissing without a private key."""
        if self.private is None:
            raise KeyMissing()
        return keys.sign(self.private, data)

    def request(self, name: x509.Name) -> bytes:
        """PKCS#10 over this pair, DER."""
        signer = keys.signer(self.private, self.public_key())
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def destroy(self) -> int:
        """Remove both halves, the private one first: a public half alone is harmless."""
        present = [half for half in (self.private, self.public) if half is not None]
        for half in present:
            half.destroy()
        return len(present)


def find(session: Any, kind: ObjectClass, **filters: Any) -> list[Any]:
    """All objects of one class; ``id`` (bytes) and ``label`` narrow the search."""
    names = {"id": Attribute.ID, "label": Attribute.LABEL}
    return list(session.get_objects({Attribute.CLASS: kind, **{names[key]: value for key, value in filters.items()}}))


def attribute(item: Any, name: Attribute, default: Any) -> Any:
    """One attribute, or ``default`` where the token does not know it."""
    try:
        return item[name]
    except (AttributeTypeInvalid, UnicodeDecodeError):
        return default


def nothing_there(session: Any) -> bool:
    """No certificate, no public key and, as far as the session may see, no private key."""
    kinds = (ObjectClass.CERTIFICATE, ObjectClass.PUBLIC_KEY, ObjectClass.PRIVATE_KEY)
    return not any(find(session, kind) for kind in kinds)


def pair(session: Any, key_id: str) -> Pair:
    """The pair under ``key_id``; DeviceFailed("key_id_ambiguous") if it names more than one."""
    found = [find(session, kind, id=raw_id(key_id)) for kind in (ObjectClass.PUBLIC_KEY, ObjectClass.PRIVATE_KEY)]
    if any(len(items) > 1 for items in found):
        raise DeviceFailed("key_id_ambiguous")
    public, private = (items[0] if items else None for items in found)
    return Pair(public, private)


def generate(session: Any, key_id: str, algorithm: str, use: str) -> None:
    """Make a pair on the token; both halves stay there, the private one for good."""
    uses = {
        "sign": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "encrypt": MechanismFlag.SIGN | MechanismFlag.VERIFY | MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
    }
    if use not in uses or algorithm not in {"rsa2048", "p256"}:
        raise DeviceFailed("bad_key_kind")
    common: dict[str, Any] = {
        "id": raw_id(key_id),
        "label": key_id,
        "store": True,
        "capabilities": uses[use],
        "public_template": {Attribute.PRIVATE: False},
        "private_template": {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    }
    if _SIGNING[algorithm] not in session.token.slot.get_mechanisms():
        raise DeviceFailed("algorithm_unsupported")
    if algorithm == "rsa2048":
        session.generate_keypair(KeyType.RSA, 2048, **common)
        return
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    common["capabilities"] = uses["sign"]  # what decrypts with an EC key is key agreement, not decryption
    session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(**common)


def certificates(session: Any) -> tuple[TokenCertificate, ...]:
    """All X.509 certificates, sorted by id. Whether each is well-formed is for the caller to see."""
    found = []
    for item in find(session, ObjectClass.CERTIFICATE):
        der, key_id = bytes(item[Attribute.VALUE]), bytes(item[Attribute.ID])
        label = attribute(item, Attribute.LABEL, "")
        found.append(TokenCertificate(key_id.hex(), der, label, _key_of(session, key_id, der)))
    return tuple(sorted(found, key=lambda item: (item.key_id, item.der)))


def _key_of(session: Any, key_id: bytes, der: bytes) -> bool:
    if not key_id:
        return False
    try:
        wanted = keys.certificate_spki(der)
        return any(
            keys.spki(keys.public_key(item)) == wanted for item in find(session, ObjectClass.PUBLIC_KEY, id=key_id)
        )
    except (ValueError, TypeError):
        return False


def belongs_to_a_certificate(session: Any, key_id: str, mine: Pair) -> bool:
    """Whether any certificate shares the id or, under another id, the public key."""
    held = find(session, ObjectClass.CERTIFICATE)
    if any(bytes(item[Attribute.ID]) == raw_id(key_id) for item in held):
        return True
    if mine.public is None:
        return False
    try:
        wanted = keys.spki(keys.public_key(mine.public))
    except (ValueError, TypeError):
        return False
    return any(wanted in bytes(item[Attribute.VALUE]) for item in held)


def certificate(session: Any, key_id: str) -> bytes | None:
    """The certificate under ``key_id``; DeviceFailed("key_id_ambiguous") if there are different ones."""
    found = {bytes(item[Attribute.VALUE]) for item in find(session, ObjectClass.CERTIFICATE, id=raw_id(key_id))}
    if len(found) > 1:
        raise DeviceFailed("key_id_ambiguous")
    return found.pop() if found else None


def data_objects(session: Any) -> tuple[TokenObject, ...]:
    """All public data objects, sorted by label."""
    found = [
        TokenObject(attribute(item, Attribute.LABEL, ""), len(item[Attribute.VALUE]))
        for item in find(session, ObjectClass.DATA)
    ]
    return tuple(sorted(found, key=lambda item: (item.label, item.size)))


def data(session: Any, label: str) -> bytes | None:
    """The data under ``label``; DeviceFailed("label_ambiguous") if there are different ones."""
    found = {bytes(item[Attribute.VALUE]) for item in find(session, ObjectClass.DATA, label=label)}
    if len(found) > 1:
        raise DeviceFailed("label_ambiguous")
    return found.pop() if found else None
