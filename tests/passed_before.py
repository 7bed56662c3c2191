"""Slow tests that passed on exactly these files are not run a second time.

The digest covers every file of the tree that git knows or would add, the Python that runs and the installed packages'
lock. A test counts as slow from ``SLOW`` seconds on. Nothing is remembered when the files changed while the tests ran,
and ``--again`` runs everything. A clean clone remembers nothing, so there all tests run.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KEY, VARIABLE = "kiosk/passed", "KIOSK_TREE_DIGEST"
SLOW = 1.0  # seconds of set-up, test and tear-down together


def digest() -> str:
    """Of all files of the tree; empty where git cannot tell them."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=False)
    if listed.returncode:
        return ""
    total = hashlib.sha256(sys.version.encode())
    for name in sorted(set(listed.stdout.split(b"\0")) - {b""}):
        path = ROOT / os.fsdecode(name)
        content = path.read_bytes() if path.is_file() else b""
        total.update(name + b"\0" + hashlib.sha256(content).digest())
    return total.hexdigest()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--again", action="store_true", help="run slow tests even if they passed on exactly these files")


class Memory:
    """What passed, slowly, on this tree."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.worker = config, hasattr(config, "workerinput")
        if not self.worker:
            os.environ[VARIABLE] = digest()
        self.tree = os.environ.get(VARIABLE, "")
        self.took: dict[str, float] = defaultdict(float)
        self.good: dict[str, bool] = defaultdict(lambda: True)

    def known(self) -> set[str]:
        kept = self.config.cache.get(KEY, {}) if getattr(self.config, "cache", None) else {}
        return set(kept.get("tests", ())) if self.tree and kept.get("tree") == self.tree else set()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if config.getoption("--again"):
            return
        known = self.known()
        passed = [item for item in items if item.nodeid.partition("@")[0] in known]
        if passed:
            items[:] = [item for item in items if item.nodeid.partition("@")[0] not in known]
            config.hook.pytest_deselected(items=passed)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.partition("@")[0]
        self.took[name] += report.duration
        self.good[name] &= report.outcome == "passed"

    def pytest_sessionfinish(self) -> None:
        if self.worker or not self.tree or getattr(self.config, "cache", None) is None or digest() != self.tree:
            return
        slow = {name for name, took in self.took.items() if took >= SLOW and self.good[name]}
        failed = {name for name, good in self.good.items() if not good}
        self.config.cache.set(KEY, {"tree": self.tree, "tests": sorted((self.known() - failed) | slow)})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.worker or self.config.getoption("--again"):
            return
        if skipped := len(self.known() - set(self.took)):
            terminalreporter.write_line(f"{skipped} slow tests passed on these very files before (--again runs them)")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Memory(config), "passed-before")
