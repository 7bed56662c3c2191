"""What is placed where, that it starts, and that an update keeps what the operator changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk import config
from tests.deploy.conftest import DEPLOY, ROOT

PLACED = {
    "etc/ca-kiosk/front.conf": 0o644,
    "etc/ca-kiosk/kiosk.toml": 0o640,
    "etc/ca-kiosk/screen.env": 0o644,
    "etc/chromium/policies/managed/ca-kiosk.json": 0o644,
    "etc/polkit-1/rules.d/50-ca-kiosk.rules": 0o644,
    "etc/sysctl.d/90-ca-kiosk.conf": 0o644,
    "etc/systemd/logind.conf.d/ca-kiosk.conf": 0o644,
    "etc/systemd/system/ca-kiosk-front.service": 0o644,
    "etc/systemd/system/ca-kiosk-screen.service": 0o644,
    "etc/systemd/system/ca-kiosk-web.service": 0o644,
    "etc/systemd/system/ca-kiosk-worker.service": 0o644,
    "etc/systemd/system/ca-kiosk.target": 0o644,
    "etc/udev/rules.d/99-ca-kiosk.rules": 0o644,
    "usr/lib/sysusers.d/ca-kiosk.conf": 0o644,
    "usr/lib/tmpfiles.d/ca-kiosk.conf": 0o644,
    "usr/local/sbin/ca-kiosk": 0o755,
    "usr/share/ca-kiosk/offline.html": 0o644,
}


def make(folder: Path, target: str) -> None:
    subprocess.run(["make", "-s", target], cwd=ROOT, check=True, timeout=60, env={**os.environ, "DESTDIR": str(folder)})


def files(folder: Path) -> dict[str, int]:
    """Name → mode of everything placed outside the program's own folder."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777
        for path in folder.rglob("*")
        if path.is_file() and "opt" not in path.relative_to(folder).parts[:1]
    }


def test_the_tree(tree: Path) -> None:
    assert files(tree) == PLACED
    assert (tree / "etc/ca-kiosk/secrets").stat().st_mode & 0o777 == 0o700


def test_the_program_starts_from_the_tree(tree: Path, tmp_path: Path) -> None:
    """The installed copy, with the installed settings and a key from elsewhere, and without the source folder."""
    app, home, secrets = tree / "opt/ca-kiosk/app", tmp_path / "home", tmp_path / "credentials"
    assert not (app / "kiosk" / "simulators").exists()
    assert not list(app.rglob("*.pyc"))
    home.mkdir()
    secrets.mkdir()
    (secrets / "master.key").write_bytes(bytes(range(32)))
    secrets.chmod(0o500)
    (home / "kiosk.toml").write_text((tree / "etc/ca-kiosk/kiosk.toml").read_text("utf-8"), "utf-8")
    environ = {"PATH": os.environ["PATH"], "KIOSK_HOME": str(home), "KIOSK_SECRETS_FOLDER": str(secrets)}
    environ |= {"PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
    flask = [sys.executable, "-m", "flask", "--app", "wsgi"]
    subprocess.run([*flask, "setup"], cwd=app, env=environ, check=True, timeout=60)
    ask = "import kiosk, wsgi; get = wsgi.app.test_client().get; "
    ask += "print(kiosk.__file__, *[get(path).status_code for path in ('/', '/bench')])"
    told = subprocess.run(
        [sys.executable, "-c", ask], cwd=app, env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    place, *codes = told.stdout.split()
    assert Path(place).is_relative_to(app)
    assert codes == ["200", "404"]
    assert not (home / "secrets" / "master.key").exists()
    assert [path.name for path in secrets.iterdir()] == ["master.key"]


def test_settings_for_real_devices(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text((tree / "etc/ca-kiosk/kiosk.toml").read_text("utf-8"), "utf-8")
    settings = config.load({}, home=str(tmp_path))
    assert settings.simulators is False
    assert settings.host == "127.0.0.1"
    assert settings.devices.id_card == "/dev/ca-kiosk/id-reader"


def test_an_update_keeps_what_the_operator_changed(tmp_path: Path) -> None:
    make(tmp_path, "install")
    changed = ["etc/ca-kiosk/kiosk.toml", "etc/udev/rules.d/99-ca-kiosk.rules", "etc/ca-kiosk/screen.env"]
    for name in changed:
        (tmp_path / name).write_text("# ours\n", "utf-8")
    (tmp_path / "etc/systemd/system/ca-kiosk-web.service").write_text("old", "utf-8")
    (tmp_path / "opt/ca-kiosk/app/kiosk/gone.py").write_text("", "utf-8")
    make(tmp_path, "install")
    assert [(tmp_path / name).read_text("utf-8") for name in changed] == ["# ours\n"] * 3
    assert "kiosk.serve" in (tmp_path / "etc/systemd/system/ca-kiosk-web.service").read_text("utf-8")
    assert not (tmp_path / "opt/ca-kiosk/app/kiosk/gone.py").exists()
    (tmp_path / "etc/ca-kiosk/secrets/master.key").write_bytes(b"k" * 32)
    make(tmp_path, "uninstall")
    assert set(files(tmp_path)) == {
        "etc/ca-kiosk/kiosk.toml",
        "etc/ca-kiosk/screen.env",
        "etc/ca-kiosk/secrets/master.key",
        "etc/ca-kiosk/99-ca-kiosk.rules.saved",
    }
    assert not (tmp_path / "opt/ca-kiosk").exists()


def test_every_path_the_units_name_is_placed(tree: Path) -> None:
    """Programs of ours and files in /etc that a unit starts or reads are in the tree; venv and key are made on site."""
    made_on_site = ("/opt/ca-kiosk/venv/", "/etc/ca-kiosk/secrets")
    for unit in (tree / "etc/systemd/system").iterdir():
        for path in re.findall(r"/(?:opt|etc|usr/share)/[\w./-]*ca-kiosk[\w./-]*", unit.read_text("utf-8")):
            assert path.startswith(made_on_site) or (tree / path.lstrip("/")).exists(), (unit.name, path)
    assert os.access(tree / "opt/ca-kiosk/app/deploy/chromium/start", os.X_OK)


@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="systemd-sysusers is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give folders away")
def test_users_and_folders(tmp_path: Path) -> None:
    """systemd's own tools make the users, who may not log in, and the folder with its link to the settings."""
    make(tmp_path, "install")
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", "ca-kiosk.conf"], check=True, timeout=30)
    subprocess.run(["systemd-tmpfiles", f"--root={tmp_path}", "--create", "ca-kiosk.conf"], check=True, timeout=30)
    users = dict(line.split(":", 1) for line in (tmp_path / "etc/passwd").read_text("utf-8").splitlines())
    assert set(users) == {"ca-kiosk", "ca-kiosk-screen"}
    assert all(rest.endswith(":/usr/sbin/nologin") for rest in users.values())
    home = tmp_path / "var/lib/ca-kiosk"
    assert home.stat().st_mode & 0o777 == 0o700
    assert home.stat().st_uid == int(users["ca-kiosk"].split(":")[1])
    assert (home / "kiosk.toml").readlink() == Path("/etc/ca-kiosk/kiosk.toml")


def test_one_address_everywhere() -> None:
    """Door, policy and browser name the same port; door and settings the same one behind it."""
    policy = json.loads((DEPLOY / "chromium/policy.json").read_text("utf-8"))
    door = (DEPLOY / "front/front.conf").read_text("utf-8")
    assert policy["URLAllowlist"] == ["http://127.0.0.1:8088"]
    assert "listen 127.0.0.1:8088;" in door
    assert "http://127.0.0.1:8088/" in (DEPLOY / "chromium/start").read_text("utf-8")
    assert "proxy_pass http://127.0.0.1:8080;" in door
    assert "port = 8080" in (DEPLOY / "etc/kiosk.toml").read_text("utf-8")


@pytest.mark.parametrize("script", ["install", "uninstall", "ca-kiosk", "chromium/start", "install-packages"])
def test_scripts_are_well_formed(script: str) -> None:
    subprocess.run(["sh", "-n", str(DEPLOY / script)], check=True, timeout=10)


RULE = re.compile(
    r'(SUBSYSTEM|DEVTYPE|ACTION|(ENV|ATTRS?)\{\w+\})(==|!=)"[^"]+"|(SYMLINK\+=|GROUP=|MODE=|GOTO=|LABEL=|ENV\{\w+\}=)"[^"]+"'
)


def test_udev_rules() -> None:
    """Every rule is made of known words, nothing is opened to everybody, names and group are those used elsewhere."""
    rules = (DEPLOY / "udev/99-ca-kiosk.rules").read_text("utf-8")
    lines = [line for line in rules.splitlines() if line and not line.startswith("#")]
    for line in lines:
        for word in line.split(", "):
            assert RULE.fullmatch(word), (line, word)
    assert set(re.findall(r'MODE="(\d+)"', rules)) == {"0660"}
    assert set(re.findall(r'GROUP="([\w-]+)"', rules)) == {"ca-kiosk-devices"}
    assert "SupplementaryGroups=ca-kiosk-devices" in (DEPLOY / "systemd/ca-kiosk-worker.service").read_text("utf-8")
    names = {f"/dev/{name}" for name in re.findall(r'SYMLINK\+="([^"]+)"', rules)}
    assert set(re.findall(r"/dev/ca-kiosk/[\w-]+", (DEPLOY / "etc/kiosk.toml").read_text("utf-8"))) <= names
