"""Which value of a payload belongs into which field? A guess by names, types and values, for a person to judge."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .moments import parse_moment
from .values import decimal_of

#: Guesses below are not worth a look.
LEAST_SCORE = 0.5
DEEPEST = 5
# Plain names (without case, '_', '-') that mean the same; the first one is the concept.
_CONCEPTS = [
    "name fullname displayname title label",
    "firstname givenname forename", "lastname surname familyname",
    "email emailaddress mail emailnormalized", "phone phonenumber telephone tel mobile mobilephone cellphone",
    "street address1 addressline1 line1 streetaddress street1 address", "street2 address2 addressline2 line2",
    "city town locality place", "zip postcode postalcode zipcode plz", "state province region statecode provincecode",
    "country countrycode countryid countryname countryiso", "companyname company organisation organization",
    "vat vatnumber vatid taxid taxnumber federaltaxid", "website url homepage web", "lang language locale",
    "sku defaultcode internalreference articlenumber itemnumber productcode", "barcode ean ean13 gtin upc",
    "listprice lstprice regularprice saleprice price unitprice priceunit", "standardprice cost costprice",
    "quantity qty productuomqty orderedquantity amountordered", "discount discountpercent discountrate",
    "weight grossweight netweight", "volume",
    "clientorderref ordernumber number customerreference displayid orderid referencenumber reference",
    "dateorder createdat datecreated orderdate orderedat placedat datecreatedgmt",
    "amounttotal total totalprice grandtotal totalamount", "amounttax totaltax taxtotal", "amountuntaxed subtotal nettotal",
    "currency currencyid currencycode", "note notes comment comments customernote remark",
    "description descriptionsale body text details", "carriertrackingref trackingnumber trackingcode tracking trackingref",
    "orderline lineitems items lines rows positions orderlines products",
    "commitmentdate deliverydate shippingdate requesteddate",
]
_CONCEPT_OF = {word: words.split()[0] for words in _CONCEPTS for word in words.split()}
# One of these recognises an existing record; the first that is there.
_KEYS = ("barcode", "sku", "email", "clientorderref")
_NUMBERS = ("float", "monetary", "integer")
_TEXTS = ("char", "text", "html")
_LOOKUPS = {"country": ("country", re.compile(r"[A-Za-z]{2}")), "currency": ("currency", re.compile(r"[A-Za-z]{3}"))}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class Target:
    """A field that can be filled. ``children``: those of the lines of a list."""

    name: str
    label: str
    type: str
    required: bool = False
    children: tuple[Target, ...] = ()


@dataclass
class Suggestion:
    """One guess. ``why``: 'meaning' (both names mean the same), 'name' (they are alike), 'parts' (put together)"""

    odoo_path: str
    external_path: str
    score: float
    why: str
    kind: str = "field"
    transform: str = "none"
    template: str = ""
    value: Any = None
    match_key: bool = False
    children: list[Suggestion] = field(default_factory=list)


@dataclass(frozen=True)
class _Leaf:
    path: str
    name: str
    value: Any
    depth: int


def suggest(sample: Any, targets: Iterable[Target], taken: Iterable[str] = ()) -> list[Suggestion]:
    """The best guess for each field, best first. Each value and each field is used once.

    :param sample: one external record
    :param taken: fields that have a rule already

    >>> fields = [Target("zip", "ZIP", "char"), Target("x", "X", "char")]
    >>> found = suggest({"billing": {"postcode": "1000"}, "sku": "A"}, fields)
    >>> [(each.odoo_path, each.external_path) for each in found]
    [('zip', 'billing.postcode')]
    """
    if not isinstance(sample, dict):
        return []
    leaves = list(_leaves(sample))
    targets = [target for target in targets if target.name not in set(taken)]
    pairs = []
    for order, target in enumerate(targets):
        if target.children:
            continue
        for leaf in leaves:
            likeness, why = _likeness(target, leaf)
            fit, transform = _fit(target, leaf.value)
            score = likeness * fit - 0.03 * leaf.depth + (0.02 if target.required else 0)
            if likeness and fit and score >= LEAST_SCORE:
                pairs.append((-round(score, 4), order, leaf.path, Suggestion(
                    target.name, leaf.path, round(min(score, 1.0), 2), why, transform=transform, value=leaf.value)))
    found = _each_once(pairs)
    found += _put_together(targets, leaves, {each.odoo_path for each in found})
    found += [lines for target in targets if target.children and (lines := _lines(target, sample)) is not None]
    _mark_key(found)
    return found


def _each_once(pairs: list[tuple]) -> list[Suggestion]:
    found, fields, paths = [], set(), set()
    for _score, _order, path, suggestion in sorted(pairs, key=lambda pair: pair[:3]):
        if suggestion.odoo_path not in fields and path not in paths:
            fields.add(suggestion.odoo_path)
            paths.add(path)
            found.append(suggestion)
    return found


def _leaves(value: dict, path: str = "", depth: int = 0):
    for name, each in value.items():
        quoted = str(name).replace('"', '\\"')
        step = name if re.fullmatch(r"[A-Za-z_]\w*", str(name), re.ASCII) else f'"{quoted}"'
        here = f"{path}.{step}" if path else step
        if isinstance(each, dict):
            if depth < DEEPEST:
                yield from _leaves(each, here, depth + 1)
        elif not isinstance(each, list):
            yield _Leaf(here, str(name), each, depth)


# -- names -------------------------------------------------------------------------------------------------


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"_(?:id|ids)$", "", name).lower())


def _words(name: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", re.sub(r"_(?:id|ids)$", "", name))
    return {word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word} - {"the", "of", "is", "product", "x"}


def concept(name: str) -> str:
    """What a name means, as far as it is one of the usual ones; else the name itself without its dress.

    >>> concept("post-code"), concept("PostalCode"), concept("default_code"), concept("colour")
    ('zip', 'zip', 'sku', 'colour')
    """
    whole, plain = re.sub(r"[^a-z0-9]", "", name.lower()), _plain(name)
    return _CONCEPT_OF.get(whole) or _CONCEPT_OF.get(plain, plain)


def _likeness(target: Target, leaf: _Leaf) -> tuple[float, str]:
    """How much the names say the same, 0 to 1."""
    if concept(target.name) == concept(leaf.name):
        return (1.0 if _plain(target.name) == _plain(leaf.name) else 0.92), "meaning"
    if concept(target.label) == concept(leaf.name):
        return 0.85, "meaning"
    there = _words(leaf.name)
    best = 0.0
    for words in (_words(target.name), _words(target.label)):
        if words and there:
            best = max(best, len(words & there) / len(words | there))
    return (best * 0.9, "name") if best >= 0.5 else (0.0, "")


# -- values ------------------------------------------------------------------------------------------------


def _fit(target: Target, value: Any) -> tuple[float, str]:
    """Whether a value can become one of the field, 0 to 1, and by which transform. Nothing speaks against a blank."""
    if target.type == "many2one":
        name = concept(target.name)
        if name in _LOOKUPS and isinstance(value, str):
            transform, form = _LOOKUPS[name]
            return (1.0 if form.fullmatch(value) else 0.7), transform
        return 0.0, ""
    if value is None or value == "":
        return 0.8, {"date": "date", "datetime": "datetime", "boolean": "boolean"}.get(
            target.type, "number" if target.type in _NUMBERS else "none")
    if target.type == "boolean":
        return (1.0, "none") if isinstance(value, bool) else (0.0, "")
    if isinstance(value, bool):
        return 0.0, ""
    if target.type in _NUMBERS:
        if isinstance(value, (int, float)):
            return 1.0, "number"
        return (0.9, "number") if decimal_of(value) is not None else (0.0, "")
    if target.type in ("date", "datetime"):
        return (1.0, target.type) if isinstance(value, str) and "-" in value and parse_moment(value) else (0.0, "")
    if target.type in _TEXTS:
        if concept(target.name) == "email":
            return (1.0 if _EMAIL.fullmatch(str(value)) else 0.4), "none"
        return (1.0 if isinstance(value, str) else 0.75), "none" if isinstance(value, str) else "text"
    return 0.0, ""


# -- more than one value -----------------------------------------------------------------------------------


def _put_together(targets: list[Target], leaves: list[_Leaf], found: set[str]) -> list[Suggestion]:
    """A name that comes as first and last name."""
    if "name" in found or not any(target.name == "name" for target in targets):
        return []
    parts = {concept(leaf.name): leaf for leaf in sorted(leaves, key=lambda leaf: -leaf.depth)}
    first, last = parts.get("firstname"), parts.get("lastname")
    if first is None or last is None:
        return []
    return [Suggestion(
        "name", "", 0.9, "parts", transform="template", template=f"{{{first.path}}} {{{last.path}}}",
        value=f"{first.value or ''} {last.value or ''}".strip())]


def _lines(target: Target, sample: dict) -> Suggestion | None:
    """A list of records that could be the lines of this field."""
    for name, value in sample.items():
        if not (isinstance(value, list) and value and isinstance(value[0], dict)):
            continue
        is_list_of_lines = {"line", "lines", "items"} & _words(name) and "line" in _words(target.name)
        if concept(name) == concept(target.name) or is_list_of_lines:
            children = suggest(value[0], target.children)
            if children:
                return Suggestion(
                    target.name, name, 0.8, "meaning", kind="lines", value=f"{len(value)}", children=children)
    return None


def _mark_key(found: list[Suggestion]) -> None:
    by_concept = {concept(each.odoo_path): each for each in reversed(found) if each.kind == "field" and each.value}
    for name in _KEYS:
        if name in by_concept:
            by_concept[name].match_key = True
            return
