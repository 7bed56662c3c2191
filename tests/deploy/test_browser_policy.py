"""The managed policy in a real Chromium. It is mounted over /etc/chromium for that browser alone, so nothing else on
the machine sees it."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Playwright, sync_playwright

from tests.deploy.conftest import DEPLOY

CHROMIUM = Path("/usr/bin/chromium")
ETC = Path("/etc/chromium")
WRAPPER = """#!/bin/sh
exec unshare --user --map-root-user --mount \\
  sh -c 'mount --bind {etc} /etc/chromium && exec /usr/bin/chromium "$@"' sh "$@"
"""


def may_mount() -> bool:
    if not (shutil.which("unshare") and ETC.is_dir()):
        return False
    tried = ["unshare", "--user", "--map-root-user", "--mount", "mount", "--bind", "/tmp", str(ETC)]
    return subprocess.run(tried, capture_output=True, timeout=20, check=False).returncode == 0


pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not may_mount(), reason="this user may not make a mount namespace of its own"),
]


def policy() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "chromium" / "policy.json").read_text("utf-8"))
    return found


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/file":
            self.send_header("Content-Disposition", "attachment; filename=a.txt")
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>kiosk</title><a href='/file'>file</a><input type=file>")
        if self.path == "/popup":
            self.wfile.write(b"<script>document.title = window.open('/') === null ? 'refused' : 'opened'</script>")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def chromium(folder: Path, rules: dict[str, Any]) -> Path:
    """A command that starts Chromium under ``rules``."""
    etc = folder / "chromium"
    shutil.copytree(ETC, etc, ignore=shutil.ignore_patterns("policies"))
    (etc / "policies" / "managed").mkdir(parents=True)
    (etc / "policies" / "managed" / "ca-kiosk.json").write_text(json.dumps(rules), "utf-8")
    wrapper = folder / "chromium.sh"
    wrapper.write_text(WRAPPER.format(etc=etc), "utf-8")
    wrapper.chmod(0o755)
    return wrapper


def launch(playwright: Playwright, folder: Path, rules: dict[str, Any]) -> BrowserContext:
    return playwright.chromium.launch_persistent_context(
        folder / "profile",
        executable_path=chromium(folder, rules),
        args=["--no-sandbox"],
        ignore_default_args=["--disable-popup-blocking"],
    )


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def locked(playwright: Playwright, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A browser under our policy, but for this server's port, and with the door left open by which tests steer it."""
    text = json.dumps(policy()).replace("127.0.0.1:8088", f"127.0.0.1:{port}")
    rules = {key: value for key, value in json.loads(text).items() if key != "DeveloperToolsAvailability"}
    browser = launch(playwright, tmp_path_factory.mktemp("locked"), rules)
    yield browser
    browser.close()


@pytest.fixture
def page(locked: BrowserContext) -> Iterator[Page]:
    page = locked.new_page()
    yield page
    page.close()


def test_the_kiosk_opens(page: Page, port: int) -> None:
    page.goto(f"http://127.0.0.1:{port}/")
    assert page.title() == "kiosk"


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "file:///",
        "http://localhost:{port}/",
        "http://127.0.0.1:{other}/",
        "https://127.0.0.1:{port}/",
        "http://example.org/",
        "chrome://settings/",
        "chrome://version/",
        "view-source:http://127.0.0.1:{port}/",
        "data:text/html,<p>x",
        "ftp://127.0.0.1/",
        "chrome://flags/",
        "chrome://history/",
        "chrome://inspect/",
    ],
)
def test_nothing_else_opens(page: Page, port: int, address: str) -> None:
    told = ""
    try:
        page.goto(address.format(port=port, other=port + 1), timeout=10_000)
    except Error as error:
        told = error.message
    assert "ERR_BLOCKED_BY_ADMINISTRATOR" in told or "ERR_ABORTED" in told or "ERR_UNKNOWN_URL_SCHEME" in told, told


def test_without_the_policy_a_file_would_open(playwright: Playwright, tmp_path: Path) -> None:
    browser = launch(playwright, tmp_path, {})
    page = browser.new_page()
    page.goto("file:///etc/passwd")
    assert "root:" in page.content()
    browser.close()


def test_a_page_opens_no_window(page: Page, port: int) -> None:
    page.goto(f"http://127.0.0.1:{port}/popup")
    assert page.title() == "refused"


@pytest.mark.parametrize("shut", [True, False])
def test_developer_tools_are_shut(playwright: Playwright, tmp_path: Path, shut: bool) -> None:
    """With the whole policy not even this test can open and steer a page; without that one key it can."""
    rules = {key: value for key, value in policy().items() if shut or key != "DeveloperToolsAvailability"}
    browser = playwright.chromium.launch(executable_path=chromium(tmp_path, rules), args=["--no-sandbox"])
    if shut:
        with pytest.raises(Error):
            browser.new_page()
    else:
        assert browser.new_page().evaluate("1 + 1") == 2
    browser.close()
