"""Every cell of the catalogue (scheme × service × kind), one after the other, at one running kiosk.

A priced cell is walked to its end; a cell without a price must show its refusal and open no order. The plan below says
who comes for which service, so that each finds a certificate in the state the service wants: what one walk leaves
behind, the next one uses.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kiosk import catalogue
from kiosk.catalogue import Kind
from kiosk.walk import Customer

Cell = tuple[str, str, str, bool]
PLAN: dict[tuple[str, str, str], tuple[str, str]] = {
    # scheme, service, kind: (who comes, UKey; empty = a blank one or none)
    ("yiyang", "new", "unit"): ("new", ""),
    ("yiyang", "new", "personal"): ("wang", ""),
    ("yiyang", "renew", "unit"): ("a", "unit-a"),
    ("yiyang", "renew", "personal"): ("tang", "personal-a"),
    ("yiyang", "replace", "unit"): ("b", ""),
    ("yiyang", "replace", "personal"): ("tang", ""),
    ("yiyang", "revoke", "unit"): ("new", ""),
    ("yiyang", "revoke", "personal"): ("wang", ""),
    ("realestate", "new", "unit"): ("d", ""),
    ("realestate", "new", "personal"): ("he", ""),
    ("realestate", "renew", "unit"): ("c", "unit-c"),
    ("realestate", "renew", "personal"): ("deng", "personal-other"),
    ("realestate", "replace", "unit"): ("other", ""),
    ("realestate", "replace", "personal"): ("he", ""),
    ("realestate", "reissue", "unit"): ("c", "unit-c"),
    ("realestate", "reissue", "personal"): ("deng", "personal-other"),
    ("realestate", "unlock", "unit"): ("c", "unit-c"),
    ("realestate", "unlock", "personal"): ("deng", "personal-other"),
    ("realestate", "freeze", "unit"): ("c", ""),
    ("realestate", "freeze", "personal"): ("deng", ""),
    ("realestate", "unfreeze", "unit"): ("c", ""),
    ("realestate", "unfreeze", "personal"): ("deng", ""),
    ("realestate", "revoke", "unit"): ("c", ""),
    ("realestate", "revoke", "personal"): ("deng", ""),
    ("szca", "new", "unit"): ("new", ""),
    # what only an operator's prices open, each scheme at a kiosk of its own (housing and szca share one)
    ("yiyang", "update", "unit"): ("a", "unit-a"),
    ("yiyang", "update", "personal"): ("tang", "personal-a"),
    ("realestate", "update", "unit"): ("c", "unit-c"),
    ("realestate", "update", "personal"): ("deng", "personal-other"),
    ("housing", "new", "unit"): ("new", ""),
    ("housing", "renew", "unit"): ("other", "unit-other"),
    ("housing", "update", "unit"): ("a", "unit-a"),
    ("housing", "replace", "unit"): ("b", ""),
    ("housing", "reissue", "unit"): ("a", "unit-a"),
    ("housing", "unlock", "unit"): ("a", "unit-a"),
    ("housing", "freeze", "unit"): ("b", ""),
    ("housing", "unfreeze", "unit"): ("b", ""),
    ("housing", "revoke", "unit"): ("b", ""),
    ("szca", "new", "personal"): ("luo", ""),
    ("szca", "replace", "unit"): ("other", ""),
    ("szca", "replace", "personal"): ("luo", ""),
    ("szca", "change", "unit"): ("a", "unit-a"),
    ("szca", "change", "personal"): ("deng", "personal-other"),
    ("szca", "unlock", "unit"): ("a", "unit-a"),
    ("szca", "unlock", "personal"): ("deng", "personal-other"),
    ("szca", "renew", "unit"): ("c", "unit-c"),
    ("szca", "renew", "personal"): ("tang", "personal-a"),
    ("shared", "new", "unit"): ("new", ""),
    ("shared", "new", "personal"): ("wang", ""),
    ("shared", "renew", "unit"): ("a", "unit-a"),
    ("shared", "renew", "personal"): ("tang", "personal-a"),
    ("shared", "unlock", "unit"): ("a", "unit-a"),
    ("shared", "unlock", "personal"): ("tang", "personal-a"),
    ("shared", "replace", "unit"): ("b", ""),
    ("shared", "replace", "personal"): ("deng", ""),
    ("shared", "change", "unit"): ("other", "unit-other"),
    ("shared", "change", "personal"): ("tang", "personal-a"),
    # queries find what the cells before them left
    ("szca", "query", "unit"): ("a", ""),
    ("szca", "query", "personal"): ("tang", ""),
    ("shared", "query", "unit"): ("b", ""),
    ("shared", "query", "personal"): ("wang", ""),
}


def cells(folder: Path | None = None) -> list[Cell]:
    """(scheme, service, kind, priced) of every cell of the table; ``folder``: an operator's over the shipped one."""
    found = catalogue.load(folder).schemes.values()
    return [
        (scheme.code, service.code, Kind(kind).value, offer.priced)
        for scheme in found
        for service in scheme.services.values()
        for kind, offer in service.offers.items()
    ]


def walk_cells(customer: Customer, wanted: Iterable[Cell]) -> Iterator[dict[str, Any]]:
    """A report for each cell while the customer still stands there: outcome ``done``, ``not_priced`` (refused, as it
    has to be) or ``stuck``.
    """
    for scheme, service, kind, priced in wanted:
        yield _walk(customer, scheme, service, kind) if priced else _refusal(customer, scheme, service, kind)
        customer.leave()


def walk_all(customer: Customer) -> list[dict[str, Any]]:
    """Every cell, and a line printed for each."""
    reports = []
    for report in walk_cells(customer, cells()):
        reports.append(report)
        cell = f"{report['scheme']}/{report['service']}/{report['kind']}"
        line = (
            f"{report['outcome']:<10} {report['ms']:>6} ms  {cell}  {report.get('order', '')} {report.get('error', '')}"
        )
        sys.stdout.write(line.rstrip() + "\n")
        sys.stdout.flush()
    return reports


WISHES = {"realestate": {"replace_cause": "damaged", "revoke_cause": "no_longer_used"}}
"""Causes somebody names at a scheme, where he does not take the first."""


def _walk(customer: Customer, scheme: str, service: str, kind: str) -> dict[str, Any]:
    customer.wishes = WISHES.get(scheme, {})
    who, token = PLAN.get((scheme, service, kind), ("", ""))
    report = customer.walk(scheme, service, kind, 1, token, who)
    report.pop("steps")
    return report


def _refusal(customer: Customer, scheme: str, service: str, kind: str) -> dict[str, Any]:
    """The service's page says that there is no price, and a request to begin opens nothing."""
    began = time.perf_counter()
    customer.get(f"/s/{scheme}/{service}?kind={kind}")
    said = any("尚未定价" in warning for warning in customer.page.warnings)
    customer.post(f"/s/{scheme}/{service}/{kind}", {})
    refused = said and customer.path == "/" and not customer.result()
    outcome = "not_priced" if refused else "stuck"
    spent = round((time.perf_counter() - began) * 1000)
    return {"scheme": scheme, "service": service, "kind": kind, "outcome": outcome, "ms": spent}


def good(reports: list[dict[str, Any]]) -> bool:
    return all(report["outcome"] in ("done", "not_priced") for report in reports)
