"""What is taken for people's data, by name and by value, and what is not."""

import pytest

from pipelines.extracts.personal import personal_by_name, personal_by_value, personal_in_values, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RecipientLastName", ["recipient", "last", "name"]),
        ("Prénom_client", ["prenom", "client"]),
        ("IPAddress", ["ip", "address"]),
        ("Date d'embauche", ["date", "d", "embauche"]),
        ("", []),
    ],
)
def test_words_of_a_name(name: str, words: list[str]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("RecipientEmail", "e-mail"),
        ("Courriel", "e-mail"),
        ("Adresse e-mail", "e-mail"),
        ("IPAddress", "IP address"),
        ("Téléphone", "phone"),
        ("BillingStreet", "address"),
        ("Nom", "name"),
        ("OwnerName", "name"),
        ("Salarié", "name"),
        ("Created By", "name"),
        ("Demandeur - Demandeur", "name"),
        ("Date de naissance", "birth date"),
        ("Salaire annuel brut", "pay"),
        ("Commentaire", "free text"),
        ("Matricule responsable", None),
        ("Team name", None),
        ("Created at", None),
        ("Do you trust the name that stands on the letter", None),
    ],
)
def test_by_name(name: str, kind: str | None) -> None:
    assert personal_by_name(name) == kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("anna@post.example", "e-mail"),
        ("Please write to anna@post.example.", "e-mail"),
        ("01 99 00 91 95", "phone"),
        ("0199009195", "phone"),
        ("+33 6 39 98 60 50", "phone"),
        ("(555) 010-9999", "phone"),
        ("192.0.2.114", "IP address"),
        ("2001:db8::7", "IP address"),
        ("FR76 3000 6000 0112 3456 7890 189", "IBAN"),
        ("2 55 08 14 168 025 38", "NIR"),
        ("FR76 3000 6000 0112 3456 7890 188", None),  # the check digits are wrong
        ("2 55 08 14 168 025 39", None),
        ("3292953864", None),  # a respondent's number
        ("00001014", None),
        ("2024-11-01 08:25:50", None),
        ("01/02/2025", None),
        ("10:15:00", None),
        ("1.2.3", None),
        ("0015f0000000840AAA", None),
    ],
)
def test_by_value(value: str, kind: str | None) -> None:
    assert personal_by_value(value) == kind


def test_a_phone_among_many_other_numbers_is_chance() -> None:
    assert personal_in_values(["0199009195", *["1234567"] * 9]) == {}
    assert personal_in_values(["0199009195", *["1234567"] * 4]) == {"phone": 1}
    assert personal_in_values(["a@b.example", *["-"] * 99]) == {"e-mail": 1}
