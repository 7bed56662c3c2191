"""Encryption keys made by the CA's key management (密钥管理中心): the second pair of the double-certificate scheme.

The private key goes to the UKey's owner inside CMS EnvelopedData (RFC 5652 §6) for the signing key, whose holder
alone can open it; the CA keeps an escrowed copy so that old documents stay readable after a UKey is lost.
"""

from __future__ import annotations

import os

from asn1crypto import algos, cms, core
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as asymmetric_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import SubjectKeyIdentifier

from kiosk.ca.connector import CaRejected
from kiosk.ca.profile import PublicKey


def make_key(recipient: PublicKey) -> tuple[bytes, bytes]:
    """(PKCS#8 DER to be escrowed, the same as CMS EnvelopedData for `recipient`) of a new RSA-2048 pair.

    Raises `CaRejected("central_key_needs_rsa")`: only an RSA signing key can receive it.
    """
    if not isinstance(recipient, rsa.RSAPublicKey):
        raise CaRejected("central_key_needs_rsa")
    key = rsa.generate_private_key(65537, 2048)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return plain, envelope(plain, recipient)


def envelope(plain: bytes, recipient: rsa.RSAPublicKey) -> bytes:
    """CMS EnvelopedData, DER: AES-256-CBC under a random key, that under RSA-OAEP (SHA-256) for the key's
    identifier.
    """
    content_key, vector = os.urandom(32), os.urandom(16)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(content_key), modes.CBC(vector)).encryptor()
    cipher_text = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    oaep = asymmetric_padding.OAEP(asymmetric_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    to = cms.KeyTransRecipientInfo(
        {
            "version": "v2",
            "rid": cms.RecipientIdentifier({"subject_key_identifier": _identifier(recipient)}),
            "key_encryption_algorithm": {"algorithm": "rsaes_oaep", "parameters": _oaep_parameters()},
            "encrypted_key": recipient.encrypt(content_key, oaep),
        }
    )
    body = cms.EnvelopedData(
        {
            "version": "v2",
            "recipient_infos": [cms.RecipientInfo({"ktri": to})],
            "encrypted_content_info": {
                "content_type": "data",
                "content_encryption_algorithm": {"algorithm": "aes256_cbc", "parameters": core.OctetString(vector)},
                "encrypted_content": cipher_text,
            },
        }
    )
    return bytes(cms.ContentInfo({"content_type": "enveloped_data", "content": body}).dump())


def _identifier(key: rsa.RSAPublicKey) -> bytes:
    return SubjectKeyIdentifier.from_public_key(key).digest


def _oaep_parameters() -> algos.RSAESOAEPParams:
    sha256 = {"algorithm": "sha256"}
    mask = {"algorithm": "mgf1", "parameters": sha256}
    return algos.RSAESOAEPParams({"hash_algorithm": sha256, "mask_gen_algorithm": mask})
