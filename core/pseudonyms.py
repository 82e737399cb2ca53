"""A real record as an example that names nobody: people, addresses and sensitive values are replaced, and it means the same.

The same value becomes the same pseudonym wherever it stands, so that what belonged together still does. IDs, amounts,
dates of business, products, countries, towns and postal codes stay: taxes, carriers and look-ups depend on them.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

from .scrubbing import MASK, is_secret_name

# Names of values, without case, '-', '_' and blanks.
_NAMES = {
    "name": "firstname lastname middlename fullname surname givenname familyname nickname contactname contactperson "
            "customername recipientname buyername holder accountholder cardholder attention attn salutationname",
    "company": "company companyname organisation organization organizationname employer",
    "email": "email emailaddress mail username login useremail",
    "phone": "phone phonenumber mobile mobilenumber mobilephone telephone tel fax faxnumber cell cellphone",
    "street": "street street1 street2 street3 streetaddress streetname address1 address2 address3 addressline1 addressline2 "
              "addressline3 line1 line2 line3 housenumber",
    "code": "vat vatid vatnumber taxid taxnumber taxno iban ssn passport nationalid socialsecuritynumber",
    "birth": "birthday birthdate dateofbirth dob",
    "address_ip": "ip ipaddress customeripaddress clientip remoteip",
}
_KIND_OF = {name: kind for kind, names in _NAMES.items() for name in names.split()}
# Under these a bare "name" or "address" is a person's.
_PEOPLE = frozenset((
    "customer", "billing", "shipping", "contact", "buyer", "recipient", "sender", "partner", "user", "person", "addressee",
    "billingaddress", "shippingaddress", "address", "employee", "patient", "member", "invoiceaddress", "deliveryaddress",
    "consignee", "shipper", "toaddress", "fromaddress", "returnaddress", "customeraddress", "owner", "author",
))
_KEPT_WORDS = frozenset((
    "von", "van", "de", "der", "den", "di", "da", "du", "la", "le", "el", "zu", "and", "und", "et", "of", "the", "mr", "mrs",
    "ms", "dr", "prof", "jr", "sr", "gmbh", "ag", "kg", "ohg", "ltd", "limited", "inc", "llc", "corp", "co", "sa", "sarl",
    "nv", "bv", "plc", "oy", "ab", "as", "srl", "spa", "street", "st", "str", "road", "rd", "avenue", "ave", "lane", "drive",
    "rue", "via", "calle", "po", "box", "apt", "floor", "suite",
))
_EMAIL = re.compile(r"[\w.+\-']+@[\w\-]+(?:\.[\w\-]+)+")
_PHONE_IN_TEXT = re.compile(r"(?<![\w+])\+\d[\d ()/.\-]{6,}\d")
_WORD = re.compile(r"[^\W\d_]+")
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
# Shorter values would tear every text apart in which they stand by chance.
SHORTEST_IN_TEXT = 3


def kind_of_name(name: str) -> str:
    """What a value of this name is: a kind, or '' when its name does not say that it is personal.

    >>> kind_of_name("First-Name"), kind_of_name("billing_email"), kind_of_name("sku")
    ('name', 'email', '')
    """
    plain = _plain(name)
    for word in ("billing", "shipping", "customer", "contact"):
        plain = plain.removeprefix(word) or plain
    return _KIND_OF.get(plain, "")


def pseudonymise(
    record: Any, *, salt: str, kinds: Mapping[str, str] | None = None, sensitive: Iterable[str] = ()
) -> Any:
    """A copy of a JSON record in which personal values are pseudonyms and secrets are masked.

    :param salt: keeps people from finding a value by trying; the same salt gives the same pseudonyms
    :param kinds: ``{name: kind}`` of more names whose values are personal; a kind is one of name, company, email, phone,
        street, code, birth, address_ip
    :param sensitive: names whose values nobody may see, whatever they are

    >>> shown = pseudonymise({"id": 7, "first_name": "Ann", "note": "Call Ann Lee", "last_name": "Lee"}, salt="s")
    >>> shown["id"], shown["first_name"] == "Ann", shown["note"].startswith("Call ")
    (7, False, True)
    """
    work = _Work(salt, {_plain(name): kind for name, kind in (kinds or {}).items()}, {_plain(name) for name in sensitive})
    work.gather(record)
    return work.replaced(record)


class _Work:
    def __init__(self, salt: str, kinds: dict[str, str], sensitive: set[str]):
        self.key = salt.encode()
        self.kinds = kinds
        self.sensitive = sensitive
        self.known: dict[str, str] = {}  # value in comparable form → pseudonym
        self.taken: set[str] = set()
        self._pattern: re.Pattern | None = None

    # -- which values --------------------------------------------------------------------------------------

    def gather(self, value: Any, parent: str = "", name: str = "", inherited: str = "") -> None:
        """Find every value that has to be replaced, wherever it stands."""
        if isinstance(value, Mapping):
            personal = _plain(name) in _PEOPLE or any(kind_of_name(str(each)) for each in value)
            for key, each in value.items():
                self.gather(each, name, str(key), self._kind(str(key), personal, each) or (
                    inherited if inherited == "code" else ""))
        elif isinstance(value, (list, tuple)):
            for each in value:
                self.gather(each, parent, name, inherited)
        elif inherited and inherited != "secret" and value and isinstance(value, (str, int)) and value is not True:
            self._register(str(value), inherited if isinstance(value, str) else "code")

    def _kind(self, name: str, personal: bool, value: Any) -> str:
        plain = _plain(name)
        if plain in self.sensitive:
            return "code"
        if is_secret_name(name):
            return "secret"
        if plain in self.kinds:
            return self.kinds[plain]
        if personal and plain == "name":
            return "name"
        if plain == "address" and isinstance(value, str):
            return "street"
        return kind_of_name(name)

    def _register(self, text: str, kind: str) -> None:
        key = _comparable(text)
        if not key or key in self.known:
            return
        make: Callable[[str, int], str] = getattr(self, f"_make_{kind}")
        for attempt in range(50):
            pseudonym = make(text.strip(), attempt)
            # Two values stay two, and none becomes itself, as far as its form leaves room for that.
            if _comparable(pseudonym) not in self.taken and _comparable(pseudonym) != key:
                break
        self.taken.add(_comparable(pseudonym))
        self.known[key] = pseudonym

    # -- instead of them -----------------------------------------------------------------------------------

    def replaced(self, value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: MASK if is_secret_name(str(key)) and _plain(str(key)) not in self.sensitive
                    and each not in (None, "", [], {}) else self.replaced(each, str(key)) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.replaced(each, name) for each in value]
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and (
                _plain(name) in self.sensitive or self.kinds.get(_plain(name)) or kind_of_name(name)):
            return self._number(value)
        return value

    def _number(self, value: int | float) -> int | float:
        """Another number of as many digits."""
        if isinstance(value, float):
            return value and float(self._make_code(str(int(abs(value)) % 10**9 or 1), 0))
        pseudonym = self.known.get(_comparable(str(value)))
        return int(pseudonym) if pseudonym and pseudonym.lstrip("-").isdecimal() else value

    def _text(self, text: str) -> str:
        whole = self.known.get(_comparable(text))
        if whole is not None:
            return _in_case_of(text, whole)
        text = _EMAIL.sub(lambda found: self._anywhere(found[0], "email"), text)
        text = _PHONE_IN_TEXT.sub(lambda found: self._anywhere(found[0], "phone"), text)
        if self._pattern is None:
            longest_first = sorted((key for key in self.known if len(key) >= SHORTEST_IN_TEXT), key=len, reverse=True)
            self._pattern = re.compile(
                "|".join(rf"(?<!\w){re.escape(key)}(?!\w)" for key in longest_first) or r"(?!)", re.IGNORECASE)
        return self._pattern.sub(lambda found: self._known_in_text(found[0]), text)

    def _known_in_text(self, found: str) -> str:
        pseudonym = self.known.get(_comparable(found))
        return _in_case_of(found, pseudonym) if pseudonym else MASK

    def _anywhere(self, text: str, kind: str) -> str:
        self._register(text, kind)
        return self.known[_comparable(text)]

    # -- one function a kind -------------------------------------------------------------------------------

    def _bytes(self, *parts: Any) -> bytes:
        return hmac.new(self.key, "\0".join(str(part) for part in parts).encode("utf-8", "surrogatepass"), sha256).digest()

    def _word(self, word: str, attempt: int) -> str:
        """A word that can be pronounced, of about the same length, in the same case."""
        if word.casefold() in _KEPT_WORDS:
            return word
        digest = self._bytes("word", word.casefold(), attempt)
        syllables = min(max((len(word) + 1) // 2, 2), 6)
        made = "".join(
            _CONSONANTS[digest[2 * number] % len(_CONSONANTS)] + _VOWELS[digest[2 * number + 1] % len(_VOWELS)]
            for number in range(syllables))
        return _in_case_of(word, made.capitalize())

    def _make_name(self, text: str, attempt: int) -> str:
        made = _WORD.sub(lambda found: self._word(found[0], attempt), text)
        return made if made != text else self._make_code(text, attempt)

    _make_company = _make_name

    def _make_street(self, text: str, attempt: int) -> str:
        made = _WORD.sub(lambda found: self._word(found[0], attempt), text)
        return self._digits(made, text, attempt)

    def _make_email(self, text: str, attempt: int) -> str:
        if "@" not in text:
            return self._make_name(text, attempt)
        local, _at, domain = text.rpartition("@")
        person = self._word("x" * 8 + local.casefold(), attempt).lower()
        tail = self._word("x" * 6 + domain.casefold(), 0).lower()
        return f"{person}{attempt or ''}@{tail}.example"

    def _make_phone(self, text: str, attempt: int) -> str:
        # The country code decides formats and taxes: it stays.
        kept = re.match(r"\s*(?:\+|00)\d{1,2}|", text)[0]
        return kept + self._digits(text[len(kept):], text, attempt)

    def _make_code(self, text: str, attempt: int) -> str:
        """Letters for letters, digits for digits; country letters in front of a tax number stay."""
        kept = re.match(r"[A-Z]{2}(?=\d)|", text)[0]
        digest = self._bytes("code", text, attempt)
        made = [kept]
        for number, char in enumerate(text[len(kept):]):
            step = digest[number % len(digest)] + number
            if char.isdecimal():
                first = number == 0 and not kept
                made.append("123456789"[step % 9] if first else "0123456789"[step % 10])
            elif char.isalpha():
                letter = _CONSONANTS[step % len(_CONSONANTS)]
                made.append(letter.upper() if char.isupper() else letter)
            else:
                made.append(char)
        return "".join(made)

    def _make_birth(self, text: str, attempt: int) -> str:
        """The year stays, for those who check ages."""
        month, day = 1 + self._bytes("birth", text, attempt)[0] % 12, 1 + self._bytes("birth", text, attempt)[1] % 28
        made = re.sub(
            r"^(\d{4})([-/.]?)\d\d\2\d\d", lambda found: f"{found[1]}{found[2]}{month:02d}{found[2]}{day:02d}", text)
        return made if made != text else self._digits(text, text, attempt)

    def _make_address_ip(self, text: str, attempt: int) -> str:
        number = self._bytes("ip", text, attempt)[0]
        return f"192.0.2.{number}" if ":" not in text else f"2001:db8::{number:x}"

    def _digits(self, text: str, seed: str, attempt: int) -> str:
        digest = self._bytes("digits", seed, attempt)
        return "".join(
            str((digest[number % len(digest)] + number) % 9 + 1) if char.isdecimal() else char
            for number, char in enumerate(text))


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).casefold()


def _comparable(text: str) -> str:
    return text.strip().casefold()


def _in_case_of(original: str, made: str) -> str:
    """The pseudonym written as the original was: all small, all large, or as it is."""
    if original.isupper() and len(original) > 1:
        return made.upper()
    return made.lower() if original.islower() else made
