"""Every text of the first page, in English and French. Both languages hold the same keys (a test sees to it).

Texts are plain: no markup, since the template escapes all it prints. In French a narrow no-break space (U+202F)
stands before ; ? ! and %, and a no-break space (U+00A0) before a colon.
"""

# ruff: noqa: E501 (sentences are broken where they read well, not by column)

MONTHS: dict[str, list[str]] = {
    "en": [
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ],
    "fr": [
        "janvier", "février", "mars", "avril", "mai", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    ],
}  # fmt: skip

LEVELS: dict[str, dict[str, str]] = {
    "team": {"en": "Team", "fr": "Équipe"},
    "site": {"en": "Site", "fr": "Site"},
    "region": {"en": "Region", "fr": "Région"},
    "company": {"en": "Company", "fr": "Entreprise"},
    "department": {"en": "Department", "fr": "Service"},
    "school": {"en": "School", "fr": "École"},
    "district": {"en": "District", "fr": "District"},
    "borough": {"en": "Borough", "fr": "Arrondissement"},
    "city": {"en": "City", "fr": "Ville"},
}

_ENGLISH: dict[str, str] = {
    "title": "Symmetry scorecard",
    "interval": "{lower} to {upper}",
    "and": " and ",
    "skip": "Skip to the table of units",
    "incomplete": "This month is not over; its figures will still move.",
    "bar": "Bar {bar}",
    # headline
    "headline_side_client": "{name} scores {client} with its clients and {collaborator} with its collaborators. "
    "Clients come out {gap} points ahead (95% interval of the gap: {range}).",
    "headline_side_collaborator": "{name} scores {client} with its clients and {collaborator} with its "
    "collaborators. Collaborators come out {gap} points ahead (95% interval of the gap: {range}).",
    "headline_side_level": "{name} scores {client} with its clients and {collaborator} with its collaborators. "
    "The two sides are level, as far as the data can tell (95% interval of the gap: {range}).",
    "headline_suppressed": "{name}: hidden this month. Its figures stand for too few people, or "
    "would give away others that do.",
    "headline_insufficient": "{name}: not enough data this month to work out an index.",
    "card_symmetry": "Symmetry index",
    "card_symmetry_note": "High only when both sides are served well, and alike",
    "card_client": "Client index",
    "card_collaborator": "Collaborator index",
    "card_gap": "Gap",
    "card_gap_note": "Client index minus collaborator index",
    "range95": "95% interval {range}",
    "of100": "out of 100",
    # the plane
    "plane_title": "The plane of symmetry",
    "plane_lead": "Each mark is a unit. The further up, the better its clients fare; the further right, the better "
    "its collaborators do. On the diagonal both fare alike.",
    "plane_x": "Collaborator index",
    "plane_y": "Client index",
    "plane_diagonal": "perfect symmetry",
    "plane_band": "within 10 points of each other",
    "plane_aria": "Plane of symmetry: client index upwards, collaborator index to the right, {n} units. "
    "The same figures stand in the table of units further down.",
    "plane_choose": "Show",
    "plane_unit": "Unit",
    "plane_all": "All units",
    "plane_hint": "Point at a mark, or choose a unit, to see its figures and its interval.",
    "plane_hint_quiet": "At a level with many units the interval of each shows when you point at it or choose it.",
    "plane_doubt": "Ellipse and cross: where the unit could well lie, given how many people answered (95% interval on "
    "each side).",
    "unit_sentence": "{name} ({level}): client index {client} ({client_range}), collaborator index {collaborator} "
    "({collaborator_range}), gap {gap} ({gap_range}). {quadrant}.",
    "not_shown": "Not drawn: {parts}.",
    "not_shown_suppressed": "{n} units hidden to protect the people behind them",
    "not_shown_suppressed_one": "1 unit hidden to protect the people behind it",
    "not_shown_insufficient": "{n} without enough data",
    "not_shown_insufficient_one": "1 without enough data",
    # quadrants
    "quadrant_virtuous": "Virtuous",
    "quadrant_client_first": "Clients first",
    "quadrant_team_first": "Team first",
    "quadrant_double_deficit": "Double deficit",
    "quadrant_borderline": "Borderline",
    "meaning_virtuous": "both sides at or above the bar",
    "meaning_client_first": "clients above the bar, collaborators below",
    "meaning_team_first": "collaborators above the bar, clients below",
    "meaning_double_deficit": "both sides below the bar",
    "meaning_borderline": "too close to the bar to call",
    # reading
    "read_title": "How to read this page",
    "read_1": "The idea. A company's relation with its clients mirrors its relation with the people who work for it. "
    "So each question is asked of both sides, and the two answers are shown together, on one scale of 0 to 100.",
    "read_2": "The gap is client minus collaborator. A plus means clients are better served than the team; a minus, the "
    "reverse. Either way it tends not to last.",
    "read_3": "The interval says how sure the figure is. Where the interval of a gap holds zero, the gap may be chance: "
    "it is drawn hollow.",
    "read_4": "Hidden is not zero. A unit whose figure stands for too few people, or would give such a one away, "
    "shows none, so that nobody can be recognised. Too little data shows no figure either.",
    # gaps
    "gaps_title": "The largest gaps",
    "gaps_lead": "Units where one side is clearly better served than the other, in order of the part of the gap that "
    "the data leaves no doubt about.",
    "gaps_none": "No unit has a gap that is clear of zero this month: of {n} units, what differs may be chance.",
    "gaps_one": "1 of {n} units has a gap that is clear of zero.",
    "gaps_some": "{sure} of {n} units have a gap that is clear of zero.",
    "gaps_empty": "There is no unit below the top one with an index to compare.",
    "side_client": "Clients ahead",
    "side_collaborator": "Collaborators ahead",
    "side_level": "Level, within the interval",
    # pairs
    "pairs_title": "{name}: pair by pair",
    "pairs_lead": "The same thing seen from both sides.",
    "pairs_empty": "No pair is in force for this unit.",
    "mirror_perception": "Perception",
    "mirror_journey": "Journey",
    "mirror_conduct": "Conduct",
    "mirror_meaning_perception": "the same question asked of both",
    "mirror_meaning_journey": "moments of truth, face to face",
    "mirror_meaning_conduct": "what is done rather than said",
    "pair_suppressed": "Hidden: protects people",
    "pair_insufficient": "Not enough data on both sides",
    "face_suppressed": "hidden",
    "face_insufficient": "no data",
    "face_ok": "no score",
    # table
    "table_title": "All units",
    "table_lead": "In the order of the organisation. Choose a column's heading to sort by it.",
    "table_caption": "Client index, collaborator index, gap and symmetry index of each unit, with 95% intervals",
    "table_left_out": "{n} more units are not listed here, to keep the page light; they stand in the published file.",
    "column_pair": "Pair",
    "column_unit": "Unit",
    "column_level": "Level",
    "column_client": "Clients",
    "column_collaborator": "Collaborators",
    "column_both": "Both, 0 to 100",
    "column_gap": "Gap",
    "column_gap_drawn": "Gap, −{reach} to +{reach}",
    "column_symmetry": "Symmetry",
    "column_quadrant": "Quadrant",
    "status_ok": "Scored",
    "status_suppressed": "Hidden",
    "status_insufficient": "Not enough data",
    "why_suppressed": "Hidden to protect people",
    "why_insufficient": "Not enough data: {share} of the weight is there",
    "client": "Clients",
    "collaborator": "Collaborators",
    # nothing to show
    "empty_title": "Nothing can be shown yet",
    "empty_none": "No scorecard has been published so far. Run the pipeline on a first delivery, then write this page "
    "again.",
    "empty_suppressed": "All {n} units are hidden this month: nowhere did enough people answer to show a figure without "
    "risk to anyone's confidentiality. As answers come in, units appear.",
    "empty_mixed": "None of the {n} units has an index this month: {hidden} hidden to protect people, "
    "{few} without enough data on both sides.",
    # foot
    "foot_published": "Published {at} UTC, publication {id}.",
    "foot_rows": "{read} rows read: {landed} taken in, {quarantined} set aside in quarantine.",
    "foot_stale": "Stale source: what {source} says is {days} days old, older than its cadence allows.",
    "foot_warnings": "The checks gave {count} warning(s): see `warnings` in the table `publications`.",
    "foot_method": "Scores of 0 to 100; 95% intervals; method in the project's documentation.",
    "credit": "Symétrie des Attentions is a trademark of the Académie du Service.",
}

_FRENCH: dict[str, str] = {
    "title": "Tableau de la symétrie",
    "interval": "{lower} à {upper}",
    "and": " et ",
    "skip": "Aller au tableau des unités",
    "incomplete": "Ce mois n’est pas terminé\u202f; ses chiffres bougeront encore.",
    "bar": "Seuil {bar}",
    "headline_side_client": "{name} obtient {client} auprès de ses clients et {collaborator} auprès de ses "
    "collaborateurs. Les clients ont {gap} points d’avance (intervalle à 95\u202f% de l’écart\u00a0: {range}).",
    "headline_side_collaborator": "{name} obtient {client} auprès de ses clients et {collaborator} auprès de ses "
    "collaborateurs. Les collaborateurs ont {gap} points d’avance (intervalle à 95\u202f% de l’écart\u00a0: {range}).",
    "headline_side_level": "{name} obtient {client} auprès de ses clients et {collaborator} auprès de ses "
    "collaborateurs. Pour autant que les données permettent d’en juger, les deux côtés sont à égalité (intervalle à "
    "95\u202f% de l’écart\u00a0: {range}).",
    "headline_suppressed": "{name}\u00a0: masqué ce mois-ci. Ses chiffres portent sur trop peu de personnes, ou en "
    "trahiraient d’autres qui sont dans ce cas.",
    "headline_insufficient": "{name}\u00a0: pas assez de données ce mois-ci pour calculer un indice.",
    "card_symmetry": "Indice de symétrie",
    "card_symmetry_note": "Élevé seulement si les deux côtés sont bien servis, et autant l’un que l’autre",
    "card_client": "Indice clients",
    "card_collaborator": "Indice collaborateurs",
    "card_gap": "Écart",
    "card_gap_note": "Indice clients moins indice collaborateurs",
    "range95": "intervalle à 95\u202f%\u00a0: {range}",
    "of100": "sur 100",
    "plane_title": "Le plan de la symétrie",
    "plane_lead": "Chaque marque est une unité. Plus elle est haut, mieux ses clients sont servis\u202f; plus elle est "
    "à droite, mieux ses collaborateurs le sont. Sur la diagonale, les deux le sont autant.",
    "plane_x": "Indice collaborateurs",
    "plane_y": "Indice clients",
    "plane_diagonal": "symétrie parfaite",
    "plane_band": "à moins de 10 points l’un de l’autre",
    "plane_aria": "Plan de la symétrie\u00a0: indice clients vers le haut, indice collaborateurs vers la droite, "
    "{n} unités. Les mêmes chiffres figurent plus bas, dans le tableau des unités.",
    "plane_choose": "Montrer",
    "plane_unit": "Unité",
    "plane_all": "Toutes les unités",
    "plane_hint": "Survolez une marque ou choisissez une unité pour voir ses chiffres et son intervalle.",
    "plane_hint_quiet": "À un niveau qui compte beaucoup d’unités, l’intervalle de chacune apparaît quand on la "
    "survole ou qu’on la choisit.",
    "plane_doubt": "Ellipse et croix\u00a0: là où l’unité peut bien se trouver, vu le nombre de réponses (intervalle à "
    "95\u202f% de chaque côté).",
    "unit_sentence": "{name} ({level})\u00a0: indice clients {client} ({client_range}), indice collaborateurs "
    "{collaborator} ({collaborator_range}), écart {gap} ({gap_range}). {quadrant}.",
    "not_shown": "Non représentées\u00a0: {parts}.",
    "not_shown_suppressed": "{n} unités masquées pour protéger les personnes concernées",
    "not_shown_suppressed_one": "1 unité masquée pour protéger les personnes concernées",
    "not_shown_insufficient": "{n} sans données suffisantes",
    "not_shown_insufficient_one": "1 sans données suffisantes",
    "quadrant_virtuous": "Vertueux",
    "quadrant_client_first": "Clients d’abord",
    "quadrant_team_first": "Équipe d’abord",
    "quadrant_double_deficit": "Double déficit",
    "quadrant_borderline": "À la limite",
    "meaning_virtuous": "les deux côtés au seuil ou au-dessus",
    "meaning_client_first": "clients au-dessus du seuil, collaborateurs au-dessous",
    "meaning_team_first": "collaborateurs au-dessus du seuil, clients au-dessous",
    "meaning_double_deficit": "les deux côtés au-dessous du seuil",
    "meaning_borderline": "trop près du seuil pour trancher",
    "read_title": "Comment lire cette page",
    "read_1": "L’idée. La relation d’une entreprise avec ses clients est le miroir de sa relation avec ceux qui y "
    "travaillent. Chaque question est donc posée aux deux, et les deux réponses sont montrées ensemble, sur une même "
    "échelle de 0 à 100.",
    "read_2": "L’écart est l’indice clients moins l’indice collaborateurs. Un plus\u00a0: les clients sont mieux servis "
    "que l’équipe\u202f; un moins\u00a0: l’inverse. Dans un sens comme dans l’autre, cela dure rarement.",
    "read_3": "L’intervalle dit à quel point le chiffre est sûr. Quand l’intervalle d’un écart contient zéro, l’écart "
    "peut être dû au hasard\u00a0: il est dessiné en creux.",
    "read_4": "Masqué ne veut pas dire zéro. Une unité dont le chiffre porte sur trop peu de personnes, ou en trahirait un tel, "
    "n’en affiche aucun, pour que personne ne puisse être reconnu. Sans données suffisantes, aucun chiffre non plus.",
    "gaps_title": "Les plus grands écarts",
    "gaps_lead": "Les unités où un côté est nettement mieux servi que l’autre, selon la part de l’écart que les données "
    "mettent hors de doute.",
    "gaps_none": "Aucune unité n’a d’écart nettement différent de zéro ce mois-ci\u00a0: sur {n} unités, ce qui diffère "
    "peut être dû au hasard.",
    "gaps_one": "1 unité sur {n} a un écart nettement différent de zéro.",
    "gaps_some": "{sure} unités sur {n} ont un écart nettement différent de zéro.",
    "gaps_empty": "Aucune unité au-dessous de la première n’a d’indice à comparer.",
    "side_client": "Clients en avance",
    "side_collaborator": "Collaborateurs en avance",
    "side_level": "À égalité, dans l’intervalle",
    "pairs_title": "{name}\u00a0: paire par paire",
    "pairs_lead": "La même chose vue des deux côtés.",
    "pairs_empty": "Aucune paire n’est en vigueur pour cette unité.",
    "mirror_perception": "Perception",
    "mirror_journey": "Parcours",
    "mirror_conduct": "Conduite",
    "mirror_meaning_perception": "la même question posée aux deux",
    "mirror_meaning_journey": "les moments de vérité, face à face",
    "mirror_meaning_conduct": "ce qui est fait plutôt que dit",
    "pair_suppressed": "Masqué\u00a0: protège les personnes",
    "pair_insufficient": "Pas assez de données des deux côtés",
    "face_suppressed": "masqué",
    "face_insufficient": "sans données",
    "face_ok": "sans score",
    "table_title": "Toutes les unités",
    "table_lead": "Dans l’ordre de l’organisation. Choisissez un titre de colonne pour trier.",
    "table_caption": "Indice clients, indice collaborateurs, écart et indice de symétrie de chaque unité, avec leurs "
    "intervalles à 95\u202f%",
    "table_left_out": "{n} autres unités ne sont pas listées ici, pour garder la page légère\u202f; elles figurent dans "
    "le fichier publié.",
    "column_pair": "Paire",
    "column_unit": "Unité",
    "column_level": "Niveau",
    "column_client": "Clients",
    "column_collaborator": "Collaborateurs",
    "column_both": "Les deux, de 0 à 100",
    "column_gap": "Écart",
    "column_gap_drawn": "Écart, de −{reach} à +{reach}",
    "column_symmetry": "Symétrie",
    "column_quadrant": "Quadrant",
    "status_ok": "Calculé",
    "status_suppressed": "Masqué",
    "status_insufficient": "Pas assez de données",
    "why_suppressed": "Masqué pour protéger les personnes",
    "why_insufficient": "Pas assez de données\u00a0: {share} du poids est présent",
    "client": "Clients",
    "collaborator": "Collaborateurs",
    "empty_title": "Rien ne peut encore être montré",
    "empty_none": "Aucun tableau n’a été publié à ce jour. Lancez la chaîne sur une première livraison, puis écrivez de "
    "nouveau cette page.",
    "empty_suppressed": "Les {n} unités sont toutes masquées ce mois-ci\u00a0: nulle part assez de personnes n’ont "
    "répondu pour montrer un chiffre sans risque pour la confidentialité de chacun. Les unités apparaîtront avec les "
    "réponses.",
    "empty_mixed": "Aucune des {n} unités n’a d’indice ce mois-ci\u00a0: {hidden} masquées pour protéger les "
    "personnes, {few} sans données suffisantes des deux côtés.",
    "foot_published": "Publié le {at} UTC, publication {id}.",
    "foot_rows": "{read} lignes lues\u00a0: {landed} retenues, {quarantined} mises en quarantaine.",
    "foot_stale": "Source périmée\u00a0: les données de {source} ont {days} jours, plus que son rythme ne le permet.",
    "foot_warnings": "Les contrôles ont donné {count} avertissement(s)\u00a0: voir `warnings` dans la table "
    "`publications`.",
    "foot_method": "Scores de 0 à 100\u202f; intervalles à 95\u202f%\u202f; méthode dans la documentation du projet.",
    "credit": "Symétrie des Attentions est une marque de l’Académie du Service.",
}

TEXTS: dict[str, dict[str, str]] = {"en": _ENGLISH, "fr": _FRENCH}
