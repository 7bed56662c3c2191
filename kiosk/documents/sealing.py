"""Electronic seals on finished PDFs: pictures placed into pages, and the kiosk's own PAdES signature over the whole
file.

PAdES baseline B-B, or B-T when a time stamper is given (ETSI EN 319 142-1). Everything is written as an incremental
update, so that what was signed before stays valid. The key is the caller's: PEM files or a PKCS#11 token; nothing of
it is kept beyond the object.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pkcs11
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.images import PdfImage, pil_image
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.general import SigningError, load_cert_from_pemder, load_certs_from_pemder
from pyhanko.sign.pkcs11 import PKCS11Signer
from pyhanko.sign.timestamps import DummyTimeStamper, HTTPTimeStamper, TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator import ValidationContext

from kiosk.documents.errors import SealingFailed
from kiosk.documents.geometry import PAGE_HEIGHT
from kiosk.documents.pictures import Picture, open_png, picture

MAX_PDF = 32 * 1024 * 1024
POINTS_PER_MM = 72 / 25.4


@dataclass(frozen=True)
class SealVerdict:
    """One signature of a PDF: `intact` bytes as signed, `valid` cryptographically, `trusted` chain, `whole` file
    covered.
    """

    field: str
    signer: str
    intact: bool
    valid: bool
    trusted: bool
    whole: bool
    timestamped: bool

    @property
    def good(self) -> bool:
        return self.intact and self.valid and self.trusted and self.whole


class Sealer:
    """Signs PDFs with a key of PEM files.

    `key`, `certificate`, `chain`, `tsa_key`, `tsa_certificate`: paths. `tsa_url`: an RFC 3161 server for B-T; or a key
    and a certificate (RSA) for a time stamper inside the kiosk.
    """

    def __init__(
        self,
        key: str,
        certificate: str,
        chain: str = "",
        passphrase: str = "",
        tsa_url: str = "",
        tsa_key: str = "",
        tsa_certificate: str = "",
    ) -> None:
        self._signer: signers.Signer = _pem_signer(key, certificate, chain, passphrase)
        self._timestamper = _timestamper(tsa_url, tsa_key, tsa_certificate)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open."""

    def seal(
        self,
        pdf: bytes,
        *,
        field: str = "KioskSeal",
        reason: str = "",
        location: str = "",
        visible: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The PDF with a PAdES signature over the whole of it.

        `visible`: {image | path, width_mm, height_mm, page (0 …), x_mm, y_mm of the picture's centre from the upper
        left}: the seal's picture becomes the appearance of the signature, as electronic seals are shown. Raises
        SealingFailed.
        """
        writer = _writer(pdf)
        spec, style = _appearance(field, visible)
        meta = signers.PdfSignatureMetadata(
            field_name=field,
            md_algorithm="sha256",
            subfilter=fields.SigSeedSubFilter.PADES,
            reason=reason or None,
            location=location or None,
        )
        signer = signers.PdfSigner(
            meta, self._signer, timestamper=self._timestamper, stamp_style=style, new_field_spec=spec
        )
        try:
            return bytes(signer.sign_pdf(writer).getvalue())
        except (PdfError, SigningError, TimestampRequestError, ValueError, OSError) as error:
            raise SealingFailed(reason=type(error).__name__) from error


class TokenSealer(Sealer):
    """Signs PDFs with a key on a PKCS#11 token, found by the token's serial and the key's CKA_ID (hex).

    Holds a session and is for one thread; PKCS#11 state does not survive a fork. The PIN is not kept.
    """

    def __init__(
        self,
        module: str,
        serial: str,
        pin: str,
        key_id: str,
        certificate: str,
        chain: str = "",
        tsa_url: str = "",
        tsa_key: str = "",
        tsa_certificate: str = "",
    ) -> None:
        wanted = serial.encode()
        try:
            token = next(found for found in pkcs11.lib(module).get_tokens() if found.serial == wanted)
            self._session = token.open(user_pin=pin)
        except StopIteration:
            raise SealingFailed(reason="token_missing") from None
        except pkcs11.PKCS11Error as error:
            raise SealingFailed(reason=type(error).__name__) from error
        self._signer = PKCS11Signer(
            self._session,
            key_id=bytes.fromhex(key_id),
            signing_cert=load_cert_from_pemder(certificate),
            other_certs_to_pull=(),
            ca_chain=list(load_certs_from_pemder([chain])) if chain else [],
        )
        self._timestamper = _timestamper(tsa_url, tsa_key, tsa_certificate)

    def close(self) -> None:
        self._session.close()


def _appearance(field: str, visible: Mapping[str, Any] | None) -> tuple[fields.SigFieldSpec, StaticStampStyle | None]:
    stamp = picture("visible", visible)
    if stamp is None or visible is None:
        return fields.SigFieldSpec(field), None
    left, bottom, right, top = (round(edge) for edge in _points(stamp, float(visible["x_mm"]), float(visible["y_mm"])))
    spec = fields.SigFieldSpec(field, on_page=int(visible.get("page", 0)), box=(left, bottom, right, top))
    return spec, StaticStampStyle(background=_image(stamp), background_opacity=1.0, border_width=0)


def place(pdf: bytes, pictures: Sequence[Mapping[str, Any]]) -> bytes:
    """Pictures (signatures, seals) put upon pages of a finished PDF, in mm, as one incremental update.

    Each: {image | path, width_mm, height_mm, page (0 …), x_mm, y_mm of its centre from the upper left corner}.
    """
    writer = _writer(pdf)
    for index, data in enumerate(pictures):
        found = picture("placed", data)
        if found is None:
            continue
        left, bottom, right, top = _points(found, float(data["x_mm"]), float(data["y_mm"]))
        name = f"/Placed{index}"
        command = f"Q q {right - left:.4f} 0 0 {top - bottom:.4f} {left:.4f} {bottom:.4f} cm {name} Do Q"
        resources = generic.DictionaryObject(
            {pdf_name("/XObject"): generic.DictionaryObject({pdf_name(name): pil_image(open_png(found.png), writer)})}
        )
        page = int(data.get("page", 0))
        _add(writer, page, b"q", generic.DictionaryObject(), prepend=True)  # what is there may leave a changed matrix
        _add(writer, page, command.encode(), resources, prepend=False)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def verify(pdf: bytes, roots: Sequence[Path], chain: Sequence[Path] = ()) -> list[SealVerdict]:
    """A verdict on every signature of the PDF, judged offline against the given roots (PEM or DER files)."""
    context = ValidationContext(
        trust_roots=[load_cert_from_pemder(str(path)) for path in roots],
        other_certs=list(load_certs_from_pemder([str(path) for path in chain])),
        allow_fetching=False,
        revocation_mode="soft-fail",
    )
    reader = PdfFileReader(io.BytesIO(pdf))
    return [_verdict(embedded, context) for embedded in reader.embedded_regular_signatures]


def _verdict(embedded: Any, context: ValidationContext) -> SealVerdict:
    status = validate_pdf_signature(embedded, context)
    return SealVerdict(
        field=str(embedded.field_name),
        signer=str(status.signing_cert.subject.human_friendly),
        intact=bool(status.intact),
        valid=bool(status.valid),
        trusted=bool(status.trusted),
        whole=status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
        timestamped=status.timestamp_validity is not None,
    )


def _timestamper(url: str, key: str, certificate: str) -> TimeStamper | None:
    if url:
        return HTTPTimeStamper(url, timeout=10)
    if not key:
        return None
    loaded = _pem_signer(key, certificate)
    return DummyTimeStamper(loaded.signing_cert, loaded.signing_key)


def _pem_signer(key: str, certificate: str, chain: str = "", passphrase: str = "") -> signers.SimpleSigner:
    loaded: signers.SimpleSigner | None = signers.SimpleSigner.load(
        key, certificate, ca_chain_files=(chain,) if chain else (), key_passphrase=passphrase.encode() or None
    )
    if loaded is None:
        raise SealingFailed(reason="key")
    return loaded


def _writer(pdf: bytes) -> IncrementalPdfFileWriter:
    if not 0 < len(pdf) <= MAX_PDF:
        raise SealingFailed(reason="size")
    try:
        return IncrementalPdfFileWriter(io.BytesIO(pdf))
    except (PdfError, ValueError, OSError) as error:
        raise SealingFailed(reason="not_a_pdf") from error


def _add(
    writer: IncrementalPdfFileWriter, page: int, command: bytes, resources: generic.DictionaryObject, *, prepend: bool
) -> None:
    stream = writer.add_object(generic.StreamObject(stream_data=command))
    writer.add_stream_to_page(page, stream, resources=resources, prepend=prepend)


def _image(found: Picture) -> PdfImage:
    width, height = found.width_mm * POINTS_PER_MM, found.height_mm * POINTS_PER_MM
    return PdfImage(open_png(found.png), box=BoxConstraints(width, height))


def _points(found: Picture, x_mm: float, y_mm: float) -> tuple[float, float, float, float]:
    """(left, bottom, right, top) in points from the lower left corner of an A4 page."""
    left, top = (x_mm - found.width_mm / 2) * POINTS_PER_MM, (PAGE_HEIGHT - y_mm + found.height_mm / 2) * POINTS_PER_MM
    return left, top - found.height_mm * POINTS_PER_MM, left + found.width_mm * POINTS_PER_MM, top
