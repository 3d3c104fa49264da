"""The names that systems give to what the landing entities hold, in English and French, and the words of code lists.

Belongs here: vocabulary for drafting a contract, as data. No landing reads it: what counts there is the contract.
Names are written as `personal.words_of` folds them: words in lower case, without accents or punctuation.
"""

from __future__ import annotations

_UNIT = (
    *("unit id", "unit", "unit code", "code unite", "unite", "team", "team id", "team code", "equipe", "code equipe"),
    *("assignment group", "group", "groupe", "store", "store id", "magasin", "agence", "code agence", "branch"),
    *("branch id", "site", "site code", "code site", "department", "departement", "service", "code service"),
    *("business unit", "entite", "direction", "cost center", "supervisory organization", "location", "queue"),
)
_CLIENT = (
    *("client id", "client", "customer id", "customer", "account id", "account", "code client", "numero client"),
    *("no client", "id client", "requester id", "contact id", "who id", "organization id", "associated company id"),
)
_EMPLOYEE = (
    *("employee id", "employee number", "employee", "matricule", "matricule salarie", "numero salarie", "worker id"),
    *("staff id", "staff", "personnel number", "emp id", "id salarie", "requester number", "requester id", "requester"),
    *("caller", "caller id", "reporter", "opened by", "demandeur", "collaborateur", "worker", "salarie"),
)
_OPENED = (
    *("opened at", "opened", "created at", "created date", "create date", "created", "creation date", "date created"),
    *("date ouverture", "date d ouverture", "date de creation", "submitted at", "open date", "date", "logged at"),
)
_FIRST_REPLY = (
    *(
        "first reply at",
        "first response at",
        "first answer at",
        "first answer",
        "answered at",
        "first response",
        "first reply",
        "first reply time",
        "answered",
    ),
    *("replied", "premiere reponse", "date premiere reponse", "date de premiere reponse", "replied at"),
    *("first reply time in minutes", "time to first agent email reply hh mm ss", "time to first response"),
)
_RESOLVED = (
    *("resolved at", "resolved", "solved at", "closed at", "closed date", "close date", "closed", "resolution date"),
    *("date de resolution", "date resolution", "date de cloture", "date cloture", "solution date", "completed at"),
    *("full resolution time in minutes", "time to resolution"),
)
_REOPENS = ("reopen count", "reopens", "reopened", "reopenings", "reouvertures", "nombre de reouvertures")
_THEME = ("theme", "topic", "reason", "category", "subcategory", "categorie", "motif", "sous categorie", "domaine")
_CHANNEL = ("channel", "origin", "source", "via", "canal", "contact method", "contact type", "origine", "call type")
_START = ("start", "start date", "started on", "debut", "date debut", "date de debut", "from", "first day", "du")
_END = ("end", "end date", "ended on", "fin", "date fin", "date de fin", "to", "last day", "au")

#: Entity -> its field -> the names a source column of it may bear, the most telling first.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "unit": {
        "unit_id": (*_UNIT, "code", "id", "organization code", "org unit"),
        "unit_name": ("unit name", "name", "label", "libelle", "nom", "nom unite", "intitule", "team name"),
        "parent_unit_id": (
            *("parent unit id", "parent", "parent id", "parent unit", "parent code", "unite mere", "rattachement"),
            *("superior organization", "code parent", "parent account id"),
        ),
        "unit_level": ("unit level", "level", "niveau", "type"),
        "valid_from": ("valid from", "debut de validite", *_START),
        "valid_to": ("valid to", "fin de validite", *_END),
    },
    "client": {
        "client_id": (*_CLIENT, "id", "account number"),
        "unit_id": _UNIT,
        "segment": ("segment", "customer segment", "segment client", "category", "classification", "industry", "type"),
        "client_since": (
            *("client since", "customer since", "since", "client depuis", "date entree", "signup date", "joined"),
            *("created date", "date de creation", *_START),
        ),
        "client_until": ("client until", "customer until", "until", "churn date", "date de depart", "date de sortie"),
        "valid_from": ("valid from", "team start", "debut de validite"),
        "valid_to": ("valid to", "team end", "fin de validite"),
    },
    "case": {
        "case_id": (
            *("case id", "ticket id", "id", "case number", "ticket number", "number", "numero", "ticket", "reference"),
            *("incident number", "case", "no"),
        ),
        "client_id": (*_CLIENT, "contact"),
        "unit_id": _UNIT,
        "opened_at": _OPENED,
        "first_reply_at": _FIRST_REPLY,
        "resolved_at": _RESOLVED,
        "reopen_count": _REOPENS,
        "kind": ("kind", "type", "case type", "ticket type", "nature", "category", "pipeline"),
        "theme": _THEME,
        "channel": _CHANNEL,
        "moment": ("moment", "moment of truth", "moment de verite"),
    },
    "proactive_contact": {
        "contact_id": ("contact id", "task id", "activity id", "call id", "id", "number"),
        "client_id": _CLIENT,
        "unit_id": _UNIT,
        "contacted_at": (
            *("contacted at", "completed date time", "completed at", "call date", "activity date", "date"),
            *("date appel", "date de contact", "created date"),
        ),
        "kind": ("kind", "type", "task subtype", "activity type", "nature"),
        "channel": _CHANNEL,
    },
    "employee": {
        "employee_id": _EMPLOYEE,
        "spell_start": (
            *("spell start", "debut de situation", "effective date", "date d effet", "since", "position start date"),
            *("hire date", "date d embauche", "date d entree", *_START),
        ),
        "spell_end": ("spell end", "fin de situation", "position end date"),
        "unit_id": _UNIT,
        "manager_id": (
            *("manager id", "matricule responsable", "matricule manager", "reports to id", "supervisor id", "manager"),
            *("reporting to", "responsable", "id manager"),
        ),
        "population": ("population", "categorie", "category", "worker category", "statut"),
        "contract_type": (
            *("contract type", "type de contrat", "employment type", "worker type", "nature du contrat", "contrat"),
            *("employment status", "type contrat"),
        ),
        "fte": ("fte", "etp", "taux d activite", "temps de travail", "fte percent"),
        "hired_on": (
            *("hired on", "hire date", "date d embauche", "date d entree", "original hire date", "entry date"),
            *("date embauche", "date entree", "start date", "since"),
        ),
        "left_on": ("left on", "termination date", "date de sortie", "date de depart", "leave date", "end date"),
        "leave_reason": ("leave reason", "termination reason", "motif de sortie", "motif de depart", "motif sortie"),
    },
    "absence": {
        "employee_id": _EMPLOYEE,
        "started_on": (*_START, "absence start", "date debut absence"),
        "ended_on": (*_END, "absence end", "date fin absence"),
        "kind": ("absence type", "leave type", "time off type", "motif", "type", "kind", "nature", "reason", "absence"),
        "hours": ("hours", "heures", "nb heures", "duree h", "nombre d heures"),
    },
    "hr_event": {
        "employee_id": _EMPLOYEE,
        "event_on": (
            "event date",
            "training date",
            "completion date",
            "date de formation",
            "date",
            "day",
            "session date",
            "date de session",
            "completed on",
            "jour",
        ),
        "kind": ("event", "evenement", "event type", "kind", "type", "nature"),
        "hours": ("hours", "heures", "duree h", "learning hours", "training hours", "duration hours", "nb heures"),
    },
    "internal_request": {
        "request_id": (
            *("request id", "ticket id", "issue key", "key", "number", "numero", "id", "ticket", "reference"),
            "ticket number",
        ),
        "employee_id": _EMPLOYEE,
        "unit_id": _UNIT,
        "opened_at": _OPENED,
        "first_reply_at": _FIRST_REPLY,
        "resolved_at": _RESOLVED,
        "reopen_count": _REOPENS,
        "kind": ("kind", "category", "issue type", "request type", "type", "categorie", "nature"),
        "theme": _THEME,
        "put_into_use": ("put into use", "implemented", "mis en oeuvre", "mise en oeuvre", "realise"),
    },
    "availability": {
        "unit_id": _UNIT[:-6],
        "service": ("service", "tool", "application", "outil", "service name", "app"),
        "audience": ("audience", "public", "users"),
        "day": ("day", "date", "jour"),
        "minutes_expected": ("minutes expected", "expected min", "expected minutes", "minutes prevues"),
        "minutes_available": ("minutes available", "available min", "available minutes", "minutes disponibles"),
        "response_time_ms": ("response time ms", "median response ms", "mean response ms", "temps de reponse ms"),
    },
    "survey_answer": {
        "response_id": (
            *("response id", "respondent id", "answer id", "antwort id", "id response id", "id", "network id", "token"),
            *("id reponse", "id de la reponse"),
        ),
        "respondent_id": (
            *("external reference", "external data reference", "employee id", "client id", "customer id", "matricule"),
            *("external data ref", "contact id", "reference externe"),
        ),
        "unit_id": _UNIT,
        "population": ("population",),
        "role": ("role",),
        "answered_at": (
            *(
                "end date",
                "submitdate date submitted",
                "submit date utc",
                "submit date",
                "submitted at",
                "submitdate",
                "date submitted",
            ),
            *("recorded date", "date soumission", "date de soumission", "datum abgeschickt", "completed at"),
            *("timestamp", "horodateur", "date modified", "answered at", "at", "date"),
        ),
    },
    "indicator_feed": {
        "unit_id": _UNIT,
        "period": ("period", "month", "mois", "periode"),
        "population": ("population",),
        "indicator_id": ("indicator id", "indicator", "indicateur", "code indicateur"),
        "n": ("n", "count", "effectif", "respondents", "responses", "nombre"),
        "value": ("value", "valeur", "score"),
        "sd": ("sd", "standard deviation", "ecart type"),
    },
    "action": {
        "action_id": ("action id", "code action", "action", "id"),
        "unit_id": _UNIT,
        "marker": ("marker", "marqueur", "pair", "indicator", "indicateur"),
        "started_on": _START,
        "ended_on": _END,
        "kind": ("kind", "nature", "type"),
        "owner_role": ("owner role", "role porteur", "role"),
    },
}

#: Words of a file's name that tell the entity.
FILE_WORDS: dict[str, tuple[str, ...]] = {
    "unit": ("unit", "units", "unites", "unite", "organisation", "organization", "org", "branch", "structure"),
    "client": ("client", "clients", "account", "accounts", "customer", "customers", "compte", "comptes"),
    "case": ("case", "cases", "ticket", "tickets", "reclamation", "reclamations", "complaints", "sav", "contacts"),
    "proactive_contact": ("task", "tasks", "call", "calls", "appels", "activity", "activities", "callbacks"),
    "employee": ("employee", "employees", "salaries", "headcount", "effectif", "effectifs", "staff", "workers"),
    "absence": ("absence", "absences", "leave", "leaves", "conges", "timeoff"),
    "hr_event": (
        "event",
        "events",
        "evenements",
        "training",
        "learning",
        "formation",
        "formations",
        "interviews",
        "entretiens",
    ),
    "internal_request": ("request", "requests", "helpdesk", "demandes", "irritants", "suggestions", "glpi", "jira"),
    "availability": ("availability", "disponibilite", "uptime", "monitoring"),
    "survey_answer": ("survey", "enquete", "answers", "responses", "reponses", "results", "questionnaire"),
    "indicator_feed": ("indicators", "indicateurs", "kpi", "kpis", "feed"),
    "action": ("action", "actions", "plan"),
}

#: Entity.field -> its value -> words of a source's codes that mean it.
CODES: dict[str, dict[str, tuple[str, ...]]] = {
    "case.kind": {
        "complaint": ("complaint", "claim", "reclamation", "plainte", "dispute", "litige"),
        "incident": ("incident", "problem", "bug", "issue", "breakdown", "panne", "fault", "outage"),
        "question": ("question", "inquiry", "enquiry", "information", "renseignement"),
        "request": ("request", "demande", "task", "service", "order", "commande"),
    },
    "proactive_contact.kind": {
        "callback": ("callback", "call back", "rappel"),
        "proactive": ("courtesy", "proactive", "call", "visit", "appel", "visite", "meeting"),
    },
    "employee.population": {
        "field": ("field", "terrain", "agence", "store", "shop", "production", "operations"),
        "office": ("office", "bureau", "siege", "headquarters", "support", "hq"),
    },
    "employee.contract_type": {
        "permanent": ("permanent", "cdi", "regular", "indefinite", "full time", "employee"),
        "fixed_term": ("fixed term", "cdd", "fixed", "contractor"),
        "temporary": ("temporary", "interim", "temp", "seasonal", "saisonnier"),
        "apprentice": ("apprentice", "alternance", "apprentissage", "apprenti", "intern", "stage"),
    },
    "employee.leave_reason": {
        "voluntary": ("resignation", "demission", "voluntary", "resigned", "quit"),
        "dismissal": ("dismissal", "licenciement", "involuntary", "layoff", "terminated", "fired"),
        "end_of_contract": ("end of contract", "fin de cdd", "fin de contrat", "end of term"),
        "retirement": ("retirement", "retraite", "retired"),
    },
    "absence.kind": {
        "sick": ("sick", "maladie", "illness", "sickness"),
        "accident": ("accident", "injury"),
        "unpaid": ("unpaid", "sans solde"),
        "paid_leave": ("paid", "conge", "conges", "vacation", "holiday", "annual", "rtt", "cp"),
    },
    "hr_event.kind": {
        "interview": ("interview", "entretien", "review", "appraisal"),
        "training": ("training", "formation", "course"),
        "mobility": ("mobility", "mobilite", "transfer", "mutation", "promotion"),
    },
    "internal_request.kind": {
        "irritant": ("irritant", "annoyance", "complaint", "pain"),
        "suggestion": ("suggestion", "idea", "idee", "improvement", "amelioration"),
        "hr_request": ("hr", "rh", "paie", "payroll", "human"),
        "it_request": ("it", "incident", "request", "informatique", "bug", "task", "demande", "service"),
    },
    "availability.audience": {
        "client": ("client", "clients", "customer", "customers", "public"),
        "collaborator": ("collaborator", "staff", "employee", "employees", "collaborateurs", "internal", "interne"),
    },
    "survey_answer.population": {"field": ("field", "terrain"), "office": ("office", "bureau", "siege")},
    "survey_answer.role": {
        "client": ("client", "customer"),
        "collaborator": ("collaborator", "collaborateur", "employee", "salarie"),
        "manager": ("manager", "responsable", "encadrant"),
    },
    "indicator_feed.population": {
        "all": ("all", "tous", "total", "ensemble"),
        "field": ("field", "terrain"),
        "office": ("office", "bureau", "siege"),
    },
}

#: What an unknown code, or a source without the column, is taken for until somebody decides.
FALLBACK: dict[str, str] = {
    "case.kind": "request",
    "proactive_contact.kind": "proactive",
    "employee.population": "field",
    "employee.leave_reason": "other",
    "absence.kind": "other",
    "internal_request.kind": "it_request",
    "hr_event.kind": "training",
    "availability.audience": "client",
    "indicator_feed.population": "all",
}

#: Columns of a survey's export that hold no answers.
SURVEY_META = {
    *("start date", "end date", "status", "progress", "duration in seconds", "finished", "recorded date"),
    *("response set", "distribution channel", "user language", "location latitude", "location longitude"),
    *("location accuracy", "response type", "startdate", "datestamp", "lastpage", "last page", "startlanguage"),
    *("seed", "collector id", "date created", "date modified", "ip address", "email address", "custom data 1"),
    *("letzte seite", "start language", "start sprache", "total time", "gesamtzeit", "tags", "network id"),
}

#: Scales in words, the lowest first; each place may be worded in several ways.
WORD_SCALES: dict[str, tuple[tuple[str, ...], ...]] = {
    "agreement": (
        (
            "strongly disagree",
            "totally disagree",
            "disagree completely",
            "completely disagree",
            "pas du tout d'accord",
            "stimme gar nicht zu",
        ),
        ("disagree", "somewhat disagree", "rather disagree", "plutôt pas d'accord", "stimme eher nicht zu"),
        ("neither agree nor disagree", "neutral", "ni d'accord ni pas d'accord", "teils/teils"),
        ("agree", "somewhat agree", "rather agree", "plutôt d'accord", "stimme eher zu"),
        (
            "strongly agree",
            "totally agree",
            "agree completely",
            "completely agree",
            "tout à fait d'accord",
            "stimme voll zu",
            "stimme voll und ganz zu",
        ),
    ),
    "satisfaction": (
        ("very dissatisfied", "very unsatisfied", "très insatisfait", "sehr unzufrieden"),
        ("dissatisfied", "somewhat dissatisfied", "unsatisfied", "insatisfait", "plutôt insatisfait", "unzufrieden"),
        ("neither satisfied nor dissatisfied", "neutral", "ni satisfait ni insatisfait", "neutre"),
        ("satisfied", "somewhat satisfied", "satisfait", "plutôt satisfait", "zufrieden"),
        ("very satisfied", "très satisfait", "sehr zufrieden"),
    ),
    "frequency": (
        ("never", "jamais", "nie"),
        ("rarely", "seldom", "rarement", "selten"),
        ("sometimes", "occasionally", "parfois", "manchmal", "gelegentlich"),
        ("often", "frequently", "souvent", "häufig", "oft"),
        ("always", "very often", "toujours", "immer", "sehr häufig"),
    ),
    "favour": (
        ("very unfavorably",),
        ("somewhat unfavorably",),
        ("neither favorably nor unfavorably (neutral)", "neutral"),
        ("somewhat favorably",),
        ("very favorably",),
    ),
    "importance": (
        ("very unimportant", "not at all important", "pas du tout important"),
        ("somewhat unimportant", "slightly important", "peu important"),
        ("neither important nor unimportant (neutral)", "neutral", "moyennement important"),
        ("somewhat important", "important"),
        ("very important", "très important"),
    ),
    "amount": (("not at all", "pas du tout"), ("not much", "peu"), ("some", "assez"), ("a lot", "beaucoup")),
}

#: Dimension -> words of a question that is about it.
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "recommendation": ("recommend", "recommandation", "recommander", "recommanderiez", "nps", "empfehlen"),
    "trust": ("trust", "confiance", "vertrauen"),
    "satisfaction": ("satisfied", "satisfaction", "satisfait", "zufrieden"),
    "effort": ("effort", "easy", "facile", "facilement"),
    "listening": ("listen", "listened", "listening", "ecoute", "ecoutent"),
    "consideration": ("consideration", "respect", "valued", "considere"),
    "cooperation": ("cooperation", "together", "ensemble", "entraide"),
    "autonomy": ("autonomy", "autonomie", "autonomous"),
}

#: Words of answers that are none.
NO_ANSWER = {
    *("na", "n a", "unfamiliar", "unknown", "none", "keine", "angabe", "inconnu", "dk", "nsp", "not applicable"),
    *("don t know", "do not know", "no answer", "no opinion", "prefer not to say", "sans avis", "sans opinion"),
    *("ne sait pas", "non concerne", "weiss nicht", "no basis for evaluation"),
}
