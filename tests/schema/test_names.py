"""Identifiers by name: certain ones are found in eight languages, doubtful ones are left."""

from __future__ import annotations

import pytest

from understudy.schema import IdentifierKind, did_you_mean, identifier_by_name, nearest

FOUND = {
    "name": "name Name full_name FullName 'customer name' naam nombre_completo isim imię_i_nazwisko",
    "first_name": "first_name FirstName given-name vorname voornaam Prénom imię nombre nameFirst",
    "last_name": "Surname lastName family_name Nachname achternaam apellidos nom cognome nazwisko "
    "soyadı SOYAD nameLast",
    "email": "email E-Mail e_mail eMailAddress correo_electrónico courriel email2 e-posta",
    "phone": "phone Phone_Number mobile_number tel Telefonnummer téléphone_portable phone1 "
    "numéro_de_téléphone numer_telefonu cep_telefonu",
    "national_id": "ssn SSN social_security_number passport passportNo BSN DNI PESEL "
    "codice_fiscale TC_Kimlik_No Reisepass iban",
    "address": "address street_address Anschrift Straße adres dirección indirizzo address1 rue",
    "url": "url website homepage Webseite",
    "ip": "ip ip_address IPAddress client_ip",
    "uuid": "uuid guid user_uuid",
    "key": "id ID Id customerID CustomerId RowNumber No patient_id patientid PassengerId row_id "
    "id_cliente Kundennummer case_id index customer_no users_id nr key SERIALNO matricule",
    "free_text": "comment remarks Bemerkungen opmerkingen review_text uwagi",
}
LEFT = """
age job housing names_count number_of_phones telephone PhoneService hours_per_week income sex
education-num marital-status native-country number_credits people_liable NumOfProducts HasCrCard
IsActiveMember paid valid grid avoid humidity period bid ad adult_flag email_verified has_phone
url_count description_length country city zip region race ip_risk_score nominal identity_score
household_size num_persons person_number visit_number family_number keyword monkey idle notebook
streetlight no_of_days nationality_code product_id item_id category_id PULocationID id_count
nombre_de_pages number_of_names address_changed mean_radius class target bmi status date year
comments_count phone_calls cell_size title
"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for kind, names in FOUND.items()
        for name in names.replace("'customer name'", "customer_name").split()
    ],
)
def test_found(name: str, kind: str) -> None:
    assert identifier_by_name(name) is IdentifierKind(kind)


@pytest.mark.parametrize("name", LEFT.split())
def test_left(name: str) -> None:
    assert identifier_by_name(name) is None


@pytest.mark.parametrize("name", ["", " ", "__", "123", "?", "日本", "a" * 10_000])
def test_odd_names(name: str) -> None:
    assert identifier_by_name(name) is None


def test_spelling_help() -> None:
    assert nearest("AGE", ["age", "sex"]) == "age"
    assert nearest("zzz", ["age", "sex"]) is None
    assert did_you_mean("x", [f"column{i}" for i in range(50)]).endswith("column11, …")
