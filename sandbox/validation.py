"""Checks of what clients send: wrong types and values are refused per parameter, unknown fields are ignored.

A check is a function ``check(value, name)`` that returns the value to store or raises ``Problem``.
"""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

from .messages import invalid_params, missing_params

EMAIL = re.compile(r"^[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\".]+$")
LARGEST = 10**12


class Problem(ValueError):
    """What is wrong with one value."""


def string(value, name):
    if not isinstance(value, str):
        raise Problem(f"{name} is not of type string.")
    return value


def integer(value, name):
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Problem(f"{name} is not of type integer.")
    return value


def number(value, name):
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Problem(f"{name} is not of type number.")
    try:
        return amount_of(value)
    except InvalidOperation:
        raise Problem(f"{name} is not of type number.") from None


def boolean(value, name):
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False, "": False}.get(value.lower(), value)
    if value in (0, 1):
        value = bool(value)
    if not isinstance(value, bool):
        raise Problem(f"{name} is not of type boolean.")
    return value


def amount_of(value):
    """
    >>> amount_of("12.50")
    Decimal('12.50')
    """
    amount = Decimal(str(value))
    if not amount.is_finite() or abs(amount) > LARGEST:
        raise InvalidOperation
    return amount


def money(value, name):
    """An amount as text; a number is refused, as in the real shop. Blank stays blank."""
    text = string(value, name).strip()
    if text:
        try:
            amount_of(text)
        except InvalidOperation:
            raise Problem(f"{name} is not a valid amount.") from None
    return text


def price(value, name):
    text = money(value, name)
    if text and amount_of(text) < 0:
        raise Problem(f"{name} must be greater than or equal to 0")
    return text


def email(value, name):
    if not string(value, name):
        return ""
    if not EMAIL.match(value) or len(value) > 254:
        raise Problem("Invalid email address.")
    return value


def date_time(value, name):
    try:
        datetime.fromisoformat(string(value, name))
    except ValueError:
        raise Problem("Invalid date.") from None
    return value


def currency(value, name):
    if not re.fullmatch(r"[A-Z]{3}", string(value, name)):
        raise Problem(f"{name} is not an ISO 4217 currency code.")
    return value


def country(value, name):
    if value and not re.fullmatch(r"[A-Z]{2}", string(value, name)):
        raise Problem(f"{name} is not an ISO 3166-1 alpha-2 country code.")
    return value


def one_of(*options):
    def check(value, name):
        if value not in options:
            raise Problem(f"{name} is not one of {', '.join(options)}.")
        return value

    return check


def or_null(check):
    return lambda value, name: None if value is None else check(value, name)


def list_of(check):
    def check_list(value, name):
        if not isinstance(value, list):
            raise Problem(f"{name} is not of type array.")
        return [check(item, f"{name}[{position}]") for position, item in enumerate(value)]

    return check_list


def object_of(**fields):
    def check_object(value, name):
        if not isinstance(value, dict):
            raise Problem(f"{name} is not of type object.")
        return {
            key: ""
            if item is None and fields[key] in (string, email)
            else fields[key](item, f"{name}[{key}]")
            for key, item in value.items()
            if key in fields
        }

    return check_object


def anything(value, name):
    return value


ADDRESS = dict.fromkeys(
    ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "phone"),
    string,
) | {"country": country}
BILLING = object_of(**ADDRESS, email=email)
SHIPPING = object_of(**ADDRESS)
META = list_of(object_of(id=integer, key=string, value=anything))


def clean(body, fields, required=()):
    """The known fields of a body, checked; all problems are reported at once."""
    missing = [name for name in required if name not in body]
    if missing:
        raise missing_params(missing)
    cleaned, problems = {}, {}
    for name, check in fields.items():
        if name in body:
            try:
                cleaned[name] = check(body[name], name)
            except Problem as problem:
                problems[name] = str(problem)
    if problems:
        raise invalid_params(problems)
    return cleaned
