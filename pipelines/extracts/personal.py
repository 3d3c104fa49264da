"""What tells of people in an extract: by the name of a column, and by the look of its values.

Belongs here: recognising, pure. What becomes of such a column is the contract's to say; nothing here changes a value.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable

_NAME_WORDS = {"name", "names", "nom", "noms", "username", "fullname", "lastname", "firstname", "surname", "vorname"}
#: A name of these is no person's.
_NOT_OF_PEOPLE = {
    *("unit", "unite", "team", "equipe", "service", "product", "produit", "company", "societe", "file", "campaign"),
    *("site", "branch", "agence", "region", "department", "departement", "survey", "enquete", "queue", "pipeline"),
    *("status", "tool", "outil", "group", "groupe", "form", "event", "list", "color", "category", "source", "link"),
    *("set", "project", "projet", "collector", "stage", "course", "training", "formation", "host", "nombre"),
}
#: A column of these words alone names a person (with another word, it is their number, their role...).
_PERSONS = {
    *("salarie", "collaborateur", "employee", "employe", "agent", "manager", "responsable", "owner", "porteur"),
    *("requester", "assignee", "caller", "reporter", "demandeur", "submitter", "contact", "interlocuteur"),
    *("conseiller", "advisor", "author", "auteur", "user", "utilisateur", "trainer", "formateur", "customer", "client"),
}
_WORDS = {
    kind: frozenset(words.split())
    for kind, words in {
        "e-mail": "email emails mail courriel courriels emailaddress",
        "IP address": "ip ipaddress ipadresse",
        "phone": "phone telephone tel mobile fax portable gsm cellphone",
        "address": "street address adresse rue postcode zip zipcode latitude longitude geocode postal birthplace",
        "name": "prenom prenoms surname lastname firstname fullname vorname nachname civilite salutation",
        "birth date": "birth birthdate birthday naissance dob geburtsdatum",
        "identity number": "iban bic nir ssn passport passeport nationalid",
        "pay": "salary salaire remuneration wage pay gehalt",
        "free text": "comment comments commentaire commentaires verbatim description subject sujet objet notes note "
        "remarks remarque remarques feedback message body freetext summary titre",
    }.items()
}

_EMAIL = re.compile(r"[^\s@,;<>\"']+@[^\s@,;<>\"']+\.[A-Za-z][A-Za-z-]+")
_PHONE = re.compile(
    r"(\+\d{1,3}[ .\-\u00a0\u202f]?(\(0\))?\(?\d([ .\-()\u00a0\u202f]?\d){6,13}"  # +33 1 23 45 67 89
    r"|0[1-9]([ .\-\u00a0\u202f]?\d\d){4}"  # 01 23 45 67 89
    r"|\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4})( ?(x|ext\.?) ?\d{1,6})?"
)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_NIR = re.compile(r"[1-478]\d{2}(0[1-9]|1[0-2]|[2-9]\d)(\d{2}|2[AB])\d{6}\d{2}")
_SEPARATORS = re.compile(r"[ .\-\u00a0\u202f]")


def words_of(name: str) -> list[str]:
    """Return the words of a column's name: `RecipientLastName`, `Prénom_client` -> lower case, no accents."""
    spaced = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3 \2\4", name)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode().lower()
    return re.findall(r"[a-z]+|\d+", plain)


def personal_by_name(name: str) -> str | None:
    """Return what of people the name of a column announces (`e-mail`, `name`, `free text`...), or None.

    A question in words is none: only names of up to six words are looked at.
    """
    words = words_of(name)
    if not words or len(words) > 6:
        return None
    if "e mail" in " ".join(words):
        return "e-mail"
    for kind, known in _WORDS.items():
        if known & set(words):
            return kind
    if set(words) <= _PERSONS or words[-1] == "by" or words[-2:] == ["assigned", "to"]:
        return "name"
    if _NAME_WORDS & set(words) and not _NOT_OF_PEOPLE & set(words):
        return "name"
    return None


def personal_by_value(value: str) -> str | None:
    """Return what of people one value looks like: e-mail, phone, IP address, IBAN, French NIR; or None.

    An e-mail address counts anywhere in the text, the others only as the whole value; IBAN and NIR by their check
    digits.
    """
    text = value.strip()
    if "@" in text and _EMAIL.search(text):
        return "e-mail"
    if not 6 <= len(text) <= 60 or not any(letter.isdigit() for letter in text):
        return None
    bare = _SEPARATORS.sub("", text)
    if _NIR.fullmatch(bare) and _nir_holds(bare):
        return "NIR"
    if _IBAN.fullmatch(bare) and _iban_holds(bare):
        return "IBAN"
    if _PHONE.fullmatch(text):
        return "phone"
    if (text.count(".") == 3 or text.count(":") >= 3) and _is_ip(text):
        return "IP address"
    return None


def _nir_holds(digits: str) -> bool:
    body, key = digits[:13].replace("2A", "19").replace("2B", "18"), int(digits[13:])
    return body.isdigit() and 97 - int(body) % 97 == key


def _iban_holds(text: str) -> bool:
    turned = text[4:] + text[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def personal_in_values(values: Iterable[str]) -> dict[str, int]:
    """Return kind -> number of values that look like it. A phone among many other numbers is chance, and left out."""
    found: dict[str, int] = {}
    seen = 0
    for value in values:
        seen += 1
        kind = personal_by_value(value)
        if kind is not None:
            found[kind] = found.get(kind, 0) + 1
    return {kind: count for kind, count in found.items() if kind != "phone" or count * 5 >= seen}
