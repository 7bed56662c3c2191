"""The life of a certificate as a table of data (`lifecycle.toml`): what may follow what, and what each cause does.

if not may(Operation.renew, State.SUSPENDED): ...
cause("lost").revocation_reason  # "keyCompromise"
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from kiosk.catalogue.errors import CatalogueError
from kiosk.catalogue.forms import Code, Model, Text
from kiosk.catalogue.models import Operation

SHIPPED = Path(__file__).with_name("lifecycle.toml")

Reason = Literal[
    "", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold",
    "removeFromCRL", "privilegeWithdrawn", "unspecified",
]  # fmt: skip
"""Reason codes of RFC 5280 section 5.3.1 that a subscriber's certificate can have; '' = nothing is revoked."""


class State(StrEnum):
    """State of a certificate, as the kiosk sees it: NONE = there is none yet."""

    NONE = "NONE"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    LOST = "LOST"
    DAMAGED = "DAMAGED"
    REVOKED = "REVOKED"


class StateRow(Model):
    """A state's name for users. `final`: nothing but a new certificate follows."""

    name: Text
    final: bool = False


class Cause(Model):
    """Why an operation is done, and what that means for the old certificate and the key.

    `moment`: when the old certificate is revoked: after_proof = once the new one is read back from the UKey and its key
    proven. `state`: the old certificate's state from the report until then. `by`: who may name this cause.
    """

    code: Code
    name: Text
    revocation_reason: Reason = ""
    key_operation: Literal["new", "same", "none"]
    moment: Literal["after_proof", "at_once", "never"]
    state: State | None = None
    by: Literal["user", "ca"] = "user"

    @model_validator(mode="after")
    def _moment_has_reason(self) -> Self:
        if (self.moment == "never") != (not self.revocation_reason):
            raise ValueError("a revocation needs a reason and a moment（撤销须写明原因和时机）")
        return self


class OperationRow(Model):
    """States an operation may follow, the old certificate's state afterwards (None: unchanged), its causes."""

    may_follow: frozenset[State]
    old_becomes: State | None = None
    causes: tuple[Code, ...] = ()


class Lifecycle(Model):
    """The whole table; every state and every operation has its row."""

    states: dict[State, StateRow]
    operations: dict[Operation, OperationRow]
    causes: dict[Code, Cause]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        absent = sorted((set(State) - set(self.states)) | (set(Operation) - set(self.operations)))
        if absent:
            raise ValueError(f"no row for（缺少一行）: {', '.join(absent)}")
        for operation, row in self.operations.items():
            unknown = sorted(set(row.causes) - set(self.causes))
            if unknown:
                raise ValueError(f"operations.{operation}.causes: unknown（没有这个原因）: {unknown[0]}")
            final = sorted(state for state in row.may_follow if self.states[state].final)
            if final and operation not in (Operation.new, Operation.query):
                raise ValueError(
                    f"operations.{operation}: nothing follows a final state（终态之后不能办理）: {final[0]}"
                )
        return self

    def may(self, operation: Operation | str, state: State | str) -> bool:
        """Whether the operation is allowed for a certificate in that state."""
        return State(state) in self.operations[Operation(operation)].may_follow

    def cause(self, code: str) -> Cause:
        """The row of a cause; KeyError if there is none."""
        return self.causes[code]

    def causes_of(self, operation: Operation | str, *, by: Literal["user", "ca"] | None = None) -> tuple[Cause, ...]:
        """Causes an operation may have, all or those one party may name, the usual one first."""
        rows = (self.causes[code] for code in self.operations[Operation(operation)].causes)
        return tuple(row for row in rows if by is None or row.by == by)

    def after(self, operation: Operation | str, state: State | str) -> State:
        """State of the old certificate when the operation has succeeded. ValueError if it may not follow that state."""
        if not self.may(operation, state):
            raise ValueError(f"{operation} may not follow {state}")
        return self.operations[Operation(operation)].old_becomes or State(state)


def load_lifecycle(path: Path = SHIPPED) -> Lifecycle:
    """The table of a file. Raises CatalogueError."""
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(path.name, "", f"读不了文件 ({error})") from error
    causes = data.get("causes", {})
    if isinstance(causes, dict):
        data["causes"] = {code: {"code": code, **row} for code, row in causes.items() if isinstance(row, dict)}
    try:
        return Lifecycle.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise CatalogueError(path.name, ".".join(map(str, first["loc"])), first["msg"]) from error


@lru_cache(maxsize=1)
def shipped() -> Lifecycle:
    """The shipped table, read once."""
    return load_lifecycle()


def may(operation: Operation | str, state: State | str) -> bool:
    """Whether the operation is allowed for a certificate in that state, by the shipped table."""
    return shipped().may(operation, state)


def cause(code: str) -> Cause:
    """A cause of the shipped table; KeyError if there is none."""
    return shipped().cause(code)
