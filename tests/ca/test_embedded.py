"""The embedded CA through its connector."""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from cryptography.x509 import ocsp

from kiosk.ca import authority
from kiosk.ca.cli import ca as commands
from kiosk.ca.connector import CaMisconfigured, CaRejected, CaUnreachable, Connector, Reason, State
from kiosk.ca.embedded import EmbeddedCa
from kiosk.ca.subject import Owner, owner_of
from kiosk.ca.validity import add_years
from tests.ca.ca_world import PERSON, UNIT, ask, csr

ROOT = Path(__file__).parents[2]


def refused(code: str):
    return pytest.raises(CaRejected, match=rf"^{code}")


def reasons(ca: EmbeddedCa) -> dict[int, str | None]:
    found = {}
    for entry in x509.load_der_x509_crl(ca.crl()):
        extension = next(iter(entry.extensions), None)
        found[entry.serial_number] = extension.value.reason.value if extension else None
    return found


def test_it_is_a_connector(ca):
    connector: Connector = ca
    assert connector.capabilities.can_release
    assert [x509.load_der_x509_certificate(der).not_valid_after_utc for der in ca.chain()]


def test_certificate_says_what_was_asked(ca, clock):
    issued = ca.submit(ask())
    assert owner_of(issued.certificate) == Owner("unit", UNIT.name, UNIT.number)
    certificate = x509.load_der_x509_certificate(issued.certificate)
    assert certificate.not_valid_after_utc == add_years(clock.now.replace(microsecond=0), 1) == issued.not_after
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.content_commitment
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == ["a@example.com"]
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(issued.chain[0]))


def test_same_request_same_certificate(ca, clock):
    request = ask()
    first = ca.submit(request)
    clock.forward(days=3)
    assert ca.submit(request) == first == ca.find("order-1", "sign")
    assert ca.find("order-1", "encrypt") is None
    assert ca.find("order-2", "sign") is None


def test_same_id_with_something_else_is_refused(ca):
    request = ask()
    ca.submit(request)
    with refused("request_key_mismatch"):
        ca.submit(ask())
    with refused("request_mismatch"):
        ca.submit(ask(csr=request.csr, years=3))
    with refused("request_mismatch"):
        ca.submit(ask(csr=request.csr, subject=PERSON))
    with refused("key_reused"):
        ca.submit(ask("order-2", csr=request.csr))
    with refused("key_reused"):
        ca.submit(ask(use="encrypt", csr=request.csr))


def test_32_at_once_give_one_certificate(home):
    request, found = ask(), []

    def go(connector: EmbeddedCa) -> None:
        found.append(connector.submit(request).certificate)

    with EmbeddedCa(home) as one, EmbeddedCa(home) as other:
        threads = [threading.Thread(target=go, args=((one, other)[n % 2],)) for n in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 32
        assert len(set(found)) == 1
        assert one.verify_audit() == (4, None)  # create, crl, reserve, issue
        assert len(one.everything()) == 1


PROCESS = """
import pickle, sys
from pathlib import Path
from kiosk.ca.embedded import EmbeddedCa
with EmbeddedCa(Path(sys.argv[1])) as ca:
    request = pickle.loads(sys.stdin.buffer.read())
    sys.stdout.buffer.write(ca.submit(request).certificate)
"""


def test_several_processes_give_one_certificate(home):
    request = pickle.dumps(ask())
    command = [sys.executable, "-c", PROCESS, str(home)]
    children = [subprocess.Popen(command, stdin=-1, stdout=-1, cwd=ROOT) for _ in range(4)]
    for child in children:
        child.stdin.write(request)
        child.stdin.close()
    found = set()
    for child in children:
        found.add(child.stdout.read())
        child.stdout.close()
        assert child.wait(30) == 0
    assert len(found) == 1


def test_renewal_runs_on_from_the_old_end(ca, clock):
    old = ca.submit(ask())
    with refused("renewal_too_early"):
        ca.submit(ask("r", renews=old.serial_hex))
    clock.forward(days=300)
    request = ask("r", renews=old.serial_hex.upper())
    new = ca.submit(request)
    assert new.not_after == add_years(old.not_after, 1)
    assert new.not_before < clock.now
    with refused("already_renewed"):
        ca.submit(ask("r2", renews=old.serial_hex))
    assert ca.submit(request) == new
    assert ca.status(old.serial_hex).replaced_by == new.serial_hex
    ca.revoke(new.serial_hex, Reason.CESSATION_OF_OPERATION)
    assert ca.submit(ask("r3", renews=old.serial_hex)).not_after == new.not_after
    assert ca.submit(request) == new


def test_renewal_after_expiry_runs_from_now(ca, clock):
    old = ca.submit(ask())
    clock.forward(days=365 + 364)
    new = ca.submit(ask("r", renews=old.serial_hex, years=3))
    assert new.not_after == add_years(clock.now.replace(microsecond=0), 3)
    clock.forward(days=365 * 3 + 400)
    with refused("renewal_too_late"):
        ca.submit(ask("r2", renews=new.serial_hex))


def test_what_may_not_be_renewed(ca, clock):
    old = ca.submit(ask())
    clock.forward(days=300)
    with refused("owner_mismatch"):
        ca.submit(ask("r", subject=PERSON, renews=old.serial_hex))
    with refused("certificate_unknown"):
        ca.submit(ask("r", renews="abcdef"))
    ca.hold(old.serial_hex)
    with refused("certificate_held"):
        ca.submit(ask("r", renews=old.serial_hex))
    ca.revoke(old.serial_hex, Reason.KEY_COMPROMISE)
    with refused("certificate_revoked"):
        ca.submit(ask("r", renews=old.serial_hex))


def test_replacement_keeps_the_old_end(ca, clock):
    old = ca.submit(ask(years=3))
    ca.hold(old.serial_hex)
    clock.forward(days=100)
    new = ca.submit(ask("r", replaces=old.serial_hex, years=0))
    assert new.not_after == old.not_after
    with refused("years_unknown"):
        ca.submit(ask("r2", replaces=old.serial_hex, years=1))
    ca.revoke(old.serial_hex, Reason.KEY_COMPROMISE)
    with refused("certificate_revoked"):
        ca.submit(ask("r2", replaces=old.serial_hex, years=0))
    clock.forward(days=365 * 3)
    with refused("certificate_expired"):
        ca.submit(ask("r3", replaces=new.serial_hex, years=0))


def test_never_beyond_the_issuer(ca, clock):
    clock.now = x509.load_der_x509_certificate(ca.chain()[0]).not_valid_after_utc - timedelta(days=365 * 3)
    with refused("beyond_issuer"):
        ca.submit(ask(years=5))
    assert ca.find("order-1", "sign") is None
    assert ca.submit(ask(years=1))


def test_hold_release_revoke(ca):
    serial = ca.submit(ask()).serial_hex
    number = int(serial, 16)
    first = ca.hold(serial)
    assert ca.hold(serial) == first
    assert (ca.status(serial).state, reasons(ca)) == (State.HELD, {number: "certificateHold"})
    ca.release(serial)
    ca.release(serial)
    assert (ca.status(serial).state, reasons(ca)) == (State.ACTIVE, {})
    ca.hold(serial)
    last = ca.revoke(serial, Reason.KEY_COMPROMISE)
    assert ca.revoke(serial, Reason.SUPERSEDED) == last
    assert (ca.status(serial).reason, reasons(ca)) == ("keyCompromise", {number: "keyCompromise"})
    for act in (ca.hold, ca.release):
        with refused("certificate_revoked"):
            act(serial)
    for act in (ca.hold, ca.release, ca.status):
        with refused("certificate_unknown"):
            act("0abc")


def test_expired(ca, clock):
    serial = ca.submit(ask()).serial_hex
    clock.forward(days=370)
    assert ca.status(serial).state is State.EXPIRED
    with refused("certificate_expired"):
        ca.hold(serial)
    ca.revoke(serial, Reason.SUPERSEDED)
    assert ca.status(serial).state is State.REVOKED


def test_crl_number_grows_and_the_list_is_refreshed(ca, clock):
    serial = ca.submit(ask()).serial_hex

    def number() -> int:
        crl = x509.load_der_x509_crl(ca.crl())
        assert crl.next_update_utc > clock.now
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    first = number()
    assert number() == first
    ca.revoke(serial, Reason.UNSPECIFIED)
    assert reasons(ca) == {int(serial, 16): None}
    assert number() == first + 1
    clock.forward(hours=13)
    assert number() == first + 2
    assert (x509.load_der_x509_crl(ca.crl()).last_update_utc - clock.now).total_seconds() <= 0


def test_public_files_follow_each_change(ca, home):
    serial = ca.submit(ask()).serial_hex
    ca.revoke(serial, Reason.SUPERSEDED)
    assert (home / "public" / "ca.crl").read_bytes() == ca.crl()
    names = {path.name for path in (home / "public").iterdir()} - {".lock"}
    assert names == {"root.pem", "ca.pem", "ca.cer", "chain.pem", "root.crl", "ca.crl", "ca.crl.pem", "crls.pem"}


def test_certificates_of_a_number(ca):
    mine = ca.submit(ask(token_serial="A1")).serial_hex
    other = ca.submit(ask("o2")).serial_hex
    ca.submit(ask("o3", subject=PERSON))
    records = ca.certificates_for(UNIT.number)
    assert [record.serial_hex for record in records] == [other, mine]
    assert (records[1].name, records[1].token_serial, records[1].kind) == (UNIT.name, "A1", "unit")
    assert ca.certificates_for("nobody") == []


def test_confirm(ca):
    ca.submit(ask())
    ca.confirm("order-1", "sign")
    entries = ca.verify_audit()
    ca.confirm("order-1", "sign")
    assert ca.verify_audit() == entries
    with refused("request_unknown"):
        ca.confirm("order-2", "sign")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"request_id": "a b"}, "request_id_malformed"),
        ({"request_id": "x" * 65}, "request_id_malformed"),
        ({"kind": "personal"}, "kind_mismatch"),
        ({"years": 0}, "years_unknown"),
        ({"years": 6}, "years_unknown"),
        ({"csr": b"0"}, "csr_malformed"),
        ({"csr": bytes(20000)}, "csr_malformed"),
        ({"renews": "aa", "replaces": "bb"}, "renews_and_replaces"),
        ({"token_serial": "a b"}, "token_serial_malformed"),
        ({"central_key": True}, "central_key_signs_nothing"),
        ({"use": "both"}, "use_unknown"),
    ],
)
def test_malformed_requests_are_refused(ca, changes, code):
    with refused(code):
        ca.submit(ask(**changes))
    assert ca.everything() == []


def test_keys_are_judged(ca):
    for key, code in (
        (rsa.generate_private_key(65537, 1024), "key_weak"),
        (rsa.generate_private_key(3, 2048), "key_weak"),
        (ec.generate_private_key(ec.SECP384R1()), "key_unsupported"),
        (ec.generate_private_key(ec.SECP256K1()), "key_unsupported"),
    ):
        with refused(code):
            ca.submit(ask(csr=csr(key)))
    good = csr()
    with refused("csr_"):
        ca.submit(ask(csr=good[:-1] + bytes([good[-1] ^ 1])))


def test_personal_data_and_secrets_are_not_in_the_files(ca, home):
    ca.submit(ask(subject=PERSON))
    ca.register_token("TOK1", "so-pin-12345678")
    ca.unlock_code("TOK1", "u1")
    ca.close()
    blob = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for secret in (PERSON.number.encode(), PERSON.name.encode(), b"so-pin-12345678"):
        assert secret not in blob
    assert b"BEGIN PRIVATE KEY" not in blob
    for name in ("secret", "ca.key", "root/secret", "root/root.key"):
        assert (home / name).stat().st_mode & 0o077 == 0


def test_unlock_codes(ca, clock):
    with refused("token_unknown"):
        ca.unlock_code("TOK1", "u1")
    ca.register_token("TOK1", "12345678")
    ca.register_token("TOK2", "87654321")
    assert ca.unlock_code("TOK1", "u1") == ca.unlock_code("TOK1", "u1") == "12345678"
    with refused("request_mismatch"):
        ca.unlock_code("TOK2", "u1")
    ca.unlock_used("u1")
    ca.unlock_used("u1")
    with refused("unlock_code_used"):
        ca.unlock_code("TOK1", "u1")
    ca.unlock_code("TOK1", "u2")
    clock.forward(minutes=10)
    with refused("unlock_code_expired"):
        ca.unlock_code("TOK1", "u2")
    with refused("request_unknown"):
        ca.unlock_used("u9")
    assert ca.verify_audit()[1] is None


def test_audit_finds_what_was_changed(ca, home):
    ca.submit(ask())
    assert ca.verify_audit()[1] is None
    for damage, broken in (("UPDATE audit SET facts = '{}' WHERE seq = 3", 3), ("DELETE FROM audit WHERE seq = 2", 2)):
        with sqlite3.connect(home / "ledger.sqlite3") as db:
            db.execute(damage)
        db.close()
        assert ca.verify_audit()[1] == broken


def test_seeds_have_any_validity_and_are_idempotent(ca, clock):
    request = csr()
    end = clock.now + timedelta(days=20)
    first = ca.seed_certificate(request, UNIT, "unit", clock.now - timedelta(days=340), end, token_serial="T")
    again = ca.seed_certificate(request, UNIT, "unit", clock.now, end + timedelta(days=1))
    assert again == first
    assert first.not_after == end.replace(microsecond=0)
    assert ca.submit(ask("r", renews=first.serial_hex)).not_after == add_years(first.not_after, 1)


def test_central_key(ca, rsa_key, tmp_path):
    request = csr(rsa_key)
    ca.submit(ask(csr=request))
    issued = ca.submit(ask(use="encrypt", csr=request, central_key=True))
    assert ca.submit(ask(use="encrypt", csr=request, central_key=True)) == issued
    (tmp_path / "k.pem").write_bytes(rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", str(tmp_path / "k.pem")]
    opened = subprocess.run(command, input=issued.enveloped_key, capture_output=True, check=True).stdout
    certificate = x509.load_der_x509_certificate(issued.certificate)
    assert load_der_private_key(opened, None).public_key() == certificate.public_key() != rsa_key.public_key()
    with refused("central_key_needs_rsa"):
        ca.submit(ask("o2", use="encrypt", central_key=True))


def ocsp_status(ca: EmbeddedCa, der: bytes, nonce: bytes | None = None) -> ocsp.OCSPResponse:
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        x509.load_der_x509_certificate(der), x509.load_der_x509_certificate(ca.chain()[0]), hashes.SHA256()
    )
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), False)
    return ocsp.load_der_ocsp_response(ca.ocsp(builder.build().public_bytes(Encoding.DER)))


def test_ocsp(ca):
    issued = ca.submit(ask())
    answer = ocsp_status(ca, issued.certificate, b"n" * 16)
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16
    ca.hold(issued.serial_hex)
    answer = ocsp_status(ca, issued.certificate)
    assert (answer.certificate_status, answer.revocation_reason) == (
        ocsp.OCSPCertStatus.REVOKED,
        x509.ReasonFlags.certificate_hold,
    )
    ca.release(issued.serial_hex)
    assert ocsp_status(ca, issued.certificate).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert ocsp_status(ca, ca.chain()[0]).response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    for rubbish in (b"", b"x", bytes(9000)):
        answer = ocsp.load_der_ocsp_response(ca.ocsp(rubbish))
        assert answer.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_works_without_the_root_and_needs_it_for_its_renewal(ca, home, clock, tmp_path):
    safe = (home / "root").rename(tmp_path / "safe")
    assert ca.submit(ask())
    with pytest.raises(CaMisconfigured, match="secret_missing"):
        authority.renew_root_crl(home)
    safe.rename(home / "root")
    clock.forward(days=300)
    authority.renew_root_crl(home, clock)
    authority.renew_operating(home, clock)
    with EmbeddedCa(home, clock=clock) as renewed:
        assert x509.load_der_x509_certificate(renewed.chain()[0]).not_valid_after_utc > clock.now + timedelta(days=7000)
        renewed.publish()
    assert x509.load_der_x509_crl((home / "public" / "root.crl").read_bytes()).next_update_utc > clock.now


@pytest.mark.parametrize("victim", ["ca.pem", "root.pem", "ca.key", "secret"])
def test_damaged_homes_are_refused(home, victim):
    path = home / victim
    kept = path.read_bytes()
    for content in (b"rubbish", None):
        path.write_bytes(content) if content else path.unlink()
        with pytest.raises(CaMisconfigured):
            EmbeddedCa(home)
    path.write_bytes(kept)
    EmbeddedCa(home).close()
    with pytest.raises(CaMisconfigured, match="home_exists"):
        EmbeddedCa.create(home)


def test_locked_ledger_is_unknown_and_recovers(ca, home):
    ca._ca.ledger._db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(home / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    request = ask()
    with pytest.raises(CaUnreachable, match="ledger_busy"):
        ca.submit(request)
    other.execute("ROLLBACK")
    other.close()
    assert ca.submit(request) == ca.find("order-1", "sign")


def test_publishing_that_fails_is_unknown_and_can_be_repeated(ca, home):
    serial = ca.submit(ask()).serial_hex
    public = home / "public"
    public.rename(home / "kept")
    public.write_text("in the way")
    with pytest.raises(CaUnreachable, match="publishing_failed"):
        ca.revoke(serial, Reason.SUPERSEDED)
    public.unlink()
    ca.revoke(serial, Reason.SUPERSEDED)
    assert int(serial, 16) in reasons(ca)
    assert (public / "ca.crl").read_bytes() == ca.crl()


def test_errors_survive_a_pipe():
    error = CaRejected("renewal_too_early", days_left=100)
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), twin.code, twin.facts) == (CaRejected, "renewal_too_early", {"days_left": 100})


def test_commands(tmp_path):
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(commands, ["--home", str(tmp_path / "ca"), *arguments])
        assert result.exit_code == code, result.output
        return result.output

    assert "home_incomplete" in run("show", code=1)
    run("init", "--algorithm", "p256")
    with EmbeddedCa(tmp_path / "ca") as made:
        serial = made.submit(ask()).serial_hex
    assert "audit chain" in run("show")
    assert "whole" in run("audit")
    assert serial in run("list")
    assert UNIT.name not in run("list")
    assert "active" in run("status", serial)
    assert "certificate_unknown" in run("status", "abcd", code=1)
    x509.load_pem_x509_crl(run("crl").encode())
    run("crl", "--out", str(tmp_path / "out"))
    assert (tmp_path / "out" / "chain.pem").exists()
    run("root-crl")
    run("renew")
