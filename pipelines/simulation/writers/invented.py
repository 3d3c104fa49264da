"""Invented personal columns: what real exports hold and the contracts drop.

Names are drawn from lists of common names; e-mail addresses end in `.example` (RFC 2606); telephone numbers
are in the ranges that the French regulator keeps for fiction (01 99 00 xx xx and 06 39 98 xx xx).
"""

import numpy as np
import polars as pl

from pipelines.simulation.randomness import IntArray

_FIRST = (
    "Adèle Alain Aline Amina André Anaïs Antoine Aurélie Baptiste Béatrice Benoît Camille Carole Céline Chloé "
    "Claire Damien David Denis Diane Édouard Élise Émile Émilie Éric Estelle Fabien Fatou Florence François "
    "Gaëlle Georges Gilles Hélène Hugo Inès Isabelle Jacques Jérôme Joëlle Julien Karim Laure Léa Léo Lucie "
    "Maëlys Manon Marc Mathieu Mehdi Mélanie Nadia Nathalie Nicolas Noémie Olivier Pascal Raphaël Rémi Sabine "
    "Samir Sébastien Sofia Solène Stéphane Sylvie Théo Thérèse Valérie Victor Yann Yasmine Zoé"
)
_LAST = (
    "Aubert Bailly Barbier Benali Bérard Besson Blanc Bonnet Boucher Bourgeois Brunet Carpentier Caron "
    "Chevalier Colin Cousin Da_Silva Delaunay Delmas Diallo Dufour Dumas Dupré Étienne Fabre Faure Fleury "
    "Fontaine Fournier Gaillard Garnier Gauthier Giraud Guérin Hamon Haddad Henry Hubert Jacquet Joly Lacroix "
    "Lambert Le_Gall Lefèvre Legrand Lemaire Lévêque Marchand Maréchal Martel Masson Mercier Meunier Michaud "
    "Morel Moulin N'Diaye Noël Olivier Paris Perrin Petit Pichon Poirier Prévost Renard Rey Rivière Robin "
    "Rolland Roussel Roy Sanchez Schmitt Tanguy Tessier Traoré Vasseur Vidal Weber"
)
FIRST_NAMES = tuple(_FIRST.split())
LAST_NAMES = tuple(name.replace("_", " ") for name in _LAST.split())
STREETS = (
    "rue des Lilas",
    "avenue de la République",
    "place du Marché",
    "rue de l'Église",
    "chemin des Prés",
    "bd Gambetta",
)


def people(rng: np.random.Generator, count: int) -> pl.DataFrame:
    """Invented people: first_name, last_name, email, phone, mobile, street (count rows of text)."""
    first = np.array(FIRST_NAMES)[rng.integers(0, len(FIRST_NAMES), count)]
    last = np.array(LAST_NAMES)[rng.integers(0, len(LAST_NAMES), count)]
    street = np.array(STREETS)[rng.integers(0, len(STREETS), count)]
    frame = pl.DataFrame(
        {
            "first_name": first,
            "last_name": last,
            "number": rng.integers(0, 10_000, count),
            "house": rng.integers(1, 180, count),
            "street": street,
        }
    )
    plain = pl.concat_str(["first_name", "last_name"], separator=".").str.to_lowercase().str.normalize("NFKD")
    digits = pl.col("number").cast(pl.String).str.zfill(4)
    pairs = digits.str.slice(0, 2) + " " + digits.str.slice(2, 2)
    return frame.select(
        "first_name",
        "last_name",
        email=plain.str.replace_all(r"[^a-z.]", "") + digits + "@courriel.example",
        phone=pl.lit("01 99 00 ") + pairs,
        mobile=pl.lit("06 39 98 ") + pairs,
        street=pl.col("house").cast(pl.String) + " " + pl.col("street"),
    )


_BASE62 = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
_SUFFIX = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype=np.uint8)


def salesforce_ids(prefix: str, numbers: IntArray) -> pl.Series:
    """Eighteen-character Salesforce ids of numbers: key prefix, pod, number in base 62, three check characters.

    The suffix is Salesforce's own: for each five characters, one bit per capital letter, first the lowest.
    """
    head = np.frombuffer(f"{prefix}5f0000".encode(), dtype=np.uint8)
    digits = np.stack([_BASE62[(numbers // 62**power) % 62] for power in range(5, -1, -1)], axis=1)
    base = np.concatenate([np.tile(head, (len(numbers), 1)), digits], axis=1)
    capital = ((base >= ord("A")) & (base <= ord("Z"))).reshape(len(numbers), 3, 5)
    suffix = _SUFFIX[(capital * (1 << np.arange(5))).sum(axis=2)]
    joined = np.ascontiguousarray(np.concatenate([base, suffix], axis=1))
    return pl.Series(joined.view("S18").ravel().astype(str))


def tokens(prefix: str, numbers: IntArray, seed: int) -> pl.Series:
    """Survey response ids: prefix and fifteen characters mixed from the number (one to one in the number)."""
    low = (numbers.astype(np.uint64) + np.uint64(seed % 9973)) * np.uint64(0x9E3779B97F4A7C15)
    low ^= low >> np.uint64(29)
    characters = np.stack([_BASE62[((low >> np.uint64(4 * i)) % np.uint64(62)).astype(np.int64)] for i in range(9)], 1)
    serial = np.stack([_BASE62[(numbers // 62**power) % 62] for power in range(5, -1, -1)], axis=1)
    joined = np.ascontiguousarray(np.concatenate([characters, serial], axis=1))
    return prefix + pl.Series(joined.view("S15").ravel().astype(str))
