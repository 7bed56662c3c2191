"""Keys that live on a UKey, as ``cryptography`` wants to see them: it builds and encodes, the UKey signs."""

from __future__ import annotations

from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from pkcs11 import Attribute, KeyType, Mechanism

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def public_key(handle: Any) -> PublicKey:
    """The public key behind a PKCS#11 public key object; ValueError for anything but RSA and P-256."""
    if handle[Attribute.KEY_TYPE] == KeyType.RSA:
        exponent = int.from_bytes(handle[Attribute.PUBLIC_EXPONENT], "big")
        return rsa.RSAPublicNumbers(exponent, int.from_bytes(handle[Attribute.MODULUS], "big")).public_key()
    point = handle[Attribute.EC_POINT]
    if len(point) == 67 and point[:2] == b"\x04\x41":  # PKCS #11 wraps the point in an OCTET STRING
        point = point[2:]
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes(point))


def spki(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def certificate_spki(der: bytes) -> bytes:
    """The SubjectPublicKeyInfo inside a certificate, byte for byte; ValueError if it is no certificate."""
    key = x509.load_der_x509_certificate(der).public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign(handle: Any, data: bytes) -> bytes:
    """SHA-256 signature by the key on the UKey: PKCS#1 v1.5 for RSA, DER-encoded ECDSA for P-256."""
    if handle.key_type == KeyType.RSA:
        return bytes(handle.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    raw = bytes(handle.sign(digest.finalize(), mechanism=Mechanism.ECDSA))
    half = len(raw) // 2
    return utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def verifies(key: Any, signature: bytes, data: bytes) -> bool:
    """Whether ``signature`` over ``data`` (as made by ``sign``) belongs to the public ``key``."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


class _OnToken:
    """What both kinds of key share: the secret never leaves the UKey, so everything that wants it is refused."""

    def __init__(self, handle: Any, public: Any) -> None:
        self._handle = handle
        self._public = public

    def public_key(self) -> Any:
        return self._public

    @property
    def key_size(self) -> int:
        return int(self._public.key_size)

    def private_numbers(self) -> NoReturn:
        raise TypeError("the key cannot leave the UKey")

    def private_bytes(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the key cannot leave the UKey")

    def decrypt(self, ciphertext: bytes, padding: object) -> NoReturn:
        raise TypeError("this key only signs")

    def exchange(self, algorithm: object, peer_public_key: object) -> NoReturn:
        raise TypeError("this key only signs")

    @property
    def curve(self) -> Any:
        return self._public.curve

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: object) -> Any:
        return self


class TokenRsaKey(_OnToken, rsa.RSAPrivateKey):
    """An RSA key on a UKey."""

    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        """PKCS#1 v1.5 with SHA-256 over ``data``."""
        return sign(self._handle, bytes(data))


class TokenEcKey(_OnToken, ec.EllipticCurvePrivateKey):
    """A P-256 key on a UKey."""

    def sign(self, data: Any, signature_algorithm: Any) -> bytes:
        """ECDSA with SHA-256 over ``data``, DER."""
        return sign(self._handle, bytes(data))


def signer(handle: Any, public: PublicKey) -> TokenRsaKey | TokenEcKey:
    """The private key object ``handle`` with its public half, fit for ``cryptography``'s builders."""
    if isinstance(public, rsa.RSAPublicKey):
        return TokenRsaKey(handle, public)
    return TokenEcKey(handle, public)
