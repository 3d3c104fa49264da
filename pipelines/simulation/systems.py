"""The systems in whose shape the example company can be written; the first of each side is the default."""

from enum import StrEnum


class Crm(StrEnum):
    """Where client cases come from; accounts and contacts made are Salesforce's in any case."""

    salesforce = "salesforce"
    zendesk_json = "zendesk_json"
    zendesk_csv = "zendesk_csv"
    hubspot = "hubspot"


class Hr(StrEnum):
    """Where employees, absences and training come from; what a system has not is the French suite's."""

    french_hr = "french_hr"
    workday_json = "workday_json"
    workday_csv = "workday_csv"
    bamboohr = "bamboohr"
    generic_hr = "generic_hr"


class Helpdesk(StrEnum):
    """Where internal requests come from."""

    helpdesk = "helpdesk"
    glpi = "glpi"
    servicenow = "servicenow"
    jira = "jira"


class SurveyTool(StrEnum):
    """Where the answers of clients and collaborators come from."""

    qualtrics = "qualtrics"
    limesurvey = "limesurvey"
    surveymonkey = "surveymonkey"
    typeform = "typeform"
    google_forms = "google_forms"
    spss = "spss"
