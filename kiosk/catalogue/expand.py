"""Short hand of the scheme files, written out before they are checked.

- `[defaults.unit]`, `[defaults.personal]`: what every offer of that kind has; `[services.<code>.unit]` overrides
  key by key; `like = "other service"` starts from that service's offer instead of the defaults, but never from its
  price: what an operator charges for one service is not by accident the price of another.
- `kinds` of a service: which kinds it is offered for; all kinds of `defaults` when absent.
- a material, field or seal is a name of the library, or a table `{use = "name", …}` that overrides some of its keys,
  or a full table.
- `pages` of a form: `{group, title, fields, only_if}`, or `{like = "other form", without = [names]}`.
- `agreements` of a scheme: the codes of the agreement files it uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kiosk.catalogue.errors import CatalogueError
from kiosk.catalogue.forms import Agreement

Table = dict[str, Any]
PRICE = ("fees", "free")


@dataclass(frozen=True)
class Library:
    """Fields, materials, seals and agreements that scheme files refer to by name."""

    fields: Table
    materials: Table
    seals: Table
    agreements: dict[str, Agreement]


def expand(file: str, data: Table, library: Library) -> Table:
    """The scheme's data with every short hand written out; unknown keys stay, for the schema to refuse."""
    scheme = dict(data)
    defaults = _table(file, "defaults", scheme.pop("defaults", {}))
    services = _table(file, "services", scheme.get("services", {}))
    scheme["services"] = {code: _service(file, code, services, defaults, library) for code in services}
    forms = _table(file, "forms", scheme.get("forms", {}))
    scheme["forms"] = {code: _form(file, code, forms, library) for code in forms}
    wanted = scheme.get("agreements", [])
    if not isinstance(wanted, list):
        raise CatalogueError(file, "agreements", "应为列表 (not a list)")
    for code in wanted:
        if code not in library.agreements:
            raise CatalogueError(file, "agreements", f"没有这个协议文件 (no such agreement): {code}")
    scheme["agreements"] = {code: library.agreements[code] for code in wanted}
    return scheme


def _table(file: str, key: str, value: object) -> Table:
    if not isinstance(value, dict):
        raise CatalogueError(file, key, "应为表 (not a table)")
    return value


def _service(file: str, code: str, services: Table, defaults: Table, library: Library) -> Table:
    service = _table(file, f"services.{code}", services[code])
    written = {key: value for key, value in service.items() if key not in ("unit", "personal", "kinds")}
    kinds = service.get("kinds", list(defaults))
    if not isinstance(kinds, list) or not set(kinds) <= {"unit", "personal"}:
        raise CatalogueError(file, f"services.{code}.kinds", "只能是 unit、personal (not a list of kinds)")
    offers = {}
    for kind in kinds:
        key = f"services.{code}.{kind}"
        offer = _offer(file, code, kind, services, defaults, seen=())
        materials = offer.get("materials", [])
        if isinstance(materials, list):
            offer["materials"] = [_use(file, f"{key}.materials", item, library.materials, "code") for item in materials]
        if isinstance(offer.get("seal"), str):
            offer["seal"] = _use(file, f"{key}.seal", offer["seal"], library.seals, "")
        offers[kind] = offer
    return {**written, "code": code, "offers": offers}


def _offer(file: str, code: str, kind: str, services: Table, defaults: Table, *, seen: tuple[str, ...]) -> Table:
    key = f"services.{code}"
    own = dict(_table(file, f"{key}.{kind}", _table(file, key, services.get(code)).get(kind, {})))
    like = own.pop("like", None)
    if like is None:
        return {**_table(file, f"defaults.{kind}", defaults.get(kind, {})), **own}
    if like not in services or like in seen:
        raise CatalogueError(
            file, f"{key}.{kind}.like", f"没有这个业务，或引用成了圈 (no such service, or a circle): {like}"
        )
    other = _offer(file, like, kind, services, defaults, seen=(*seen, code))
    return {**{name: value for name, value in other.items() if name not in PRICE}, **own}


def _form(file: str, code: str, forms: Table, library: Library) -> Table:
    form = _table(file, f"forms.{code}", forms[code])
    written = {key: value for key, value in form.items() if key != "pages"}
    return {**written, "code": code, "fields": _pages(file, code, forms, library, seen=())}


def _pages(file: str, code: str, forms: Table, library: Library, *, seen: tuple[str, ...]) -> list[Table]:
    key = f"forms.{code}.pages"
    pages = _table(file, f"forms.{code}", forms.get(code, {})).get("pages", [])
    if not isinstance(pages, list) or code in seen:
        raise CatalogueError(file, key, "应为列表，且不能引用自己 (not a list, or a circle of like)")
    fields: list[Table] = []
    for item in pages:
        page = _table(file, key, item)
        unknown = sorted(set(page) - {"group", "title", "fields", "only_if", "like", "without"})
        if unknown:
            raise CatalogueError(file, f"{key}.{unknown[0]}", "不认识的项，请检查拼写 (unknown key)")
        if "like" in page:
            if page["like"] not in forms:
                raise CatalogueError(file, f"{key}.like", f"没有这个表单 (no such form): {page['like']}")
            dropped = page.get("without", [])
            fields += [
                field
                for field in _pages(file, page["like"], forms, library, seen=(*seen, code))
                if field.get("name") not in dropped
            ]
        else:
            fields += _page(file, key, page, library)
    return fields


def _page(file: str, key: str, page: Table, library: Library) -> list[Table]:
    shared = {"group": page.get("group"), "group_title": page.get("title")}
    fields: list[Table] = []
    for item in page.get("fields", []):
        field = _use(file, key, item, library.fields, "name")
        conditions = " and ".join(part for part in (page.get("only_if"), field.get("only_if")) if part)
        fields.append({**field, **shared, "only_if": conditions})
    return fields


def _use(file: str, key: str, item: object, library: Table, name: str) -> Table:
    """A library entry by its name, with overrides; `name` is the key under which its own name is put."""
    if isinstance(item, str):
        item = {"use": item}
    table = dict(_table(file, key, item))
    use = table.pop("use", None)
    if use is None:
        return table
    if not isinstance(use, str) or use not in library:
        raise CatalogueError(file, key, f"库中没有 (not in the library): {use}")
    own_name = {name: use} if name else {}
    return {**own_name, **_table(file, key, library[use]), **table}
