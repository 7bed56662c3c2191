"""The files relying parties and operators need, for `openssl verify` and for a web server."""

from __future__ import annotations

import fcntl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.ca import crl
from kiosk.ca.authority import Authority
from kiosk.ca.connector import CaUnreachable
from kiosk.ca.keys import write_file


def write(ca: Authority, folder: Path) -> None:
    """root.pem, ca.pem, ca.cer (DER), chain.pem (CA, root), ca.crl (DER), ca.crl.pem, root.crl, crls.pem (both).

    Files that are right already are left alone. Raises `CaUnreachable("publishing_failed")`; repeating is harmless.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:  # an older list must never replace a newer one
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name, content in _files(ca).items():
                path = folder / name
                if not path.exists() or path.read_bytes() != content:
                    write_file(path, content)
    except OSError as error:
        raise CaUnreachable("publishing_failed", cause=error.strerror or type(error).__name__) from error


def _files(ca: Authority) -> dict[str, bytes]:
    der, roots = crl.current(ca), (ca.home / "root.crl").read_bytes()
    operating, root = (certificate.public_bytes(Encoding.PEM) for certificate in (ca.issuer.certificate, ca.root))
    own = x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)
    return {
        "root.pem": root,
        "ca.pem": operating,
        "ca.cer": ca.chain[0],
        "chain.pem": operating + root,
        "root.crl": roots,
        "ca.crl.pem": own,
        "crls.pem": own + x509.load_der_x509_crl(roots).public_bytes(Encoding.PEM),
        "ca.crl": der,
    }
