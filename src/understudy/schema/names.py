"""Direct identifiers recognised by their column's name: free, since names are public.

Conservative on purpose: a column is recognised only when the whole name, split into words, is one
of the known names. `age`, `job`, `housing`, `names_count` and `number_of_phones` are not.

What may not happen here: a look at cells.
"""

from __future__ import annotations

import re
import unicodedata

from understudy.schema.model import IdentifierKind

_K = IdentifierKind
_NAMES: dict[IdentifierKind, str] = {
    _K.NAME: """
        name | full name | fullname | complete name | person name | patient name | customer name
        | client name | employee name | student name | user full name | contact name | member name
        | holder name | cardholder name | owner name | display name | applicant name | names
        | vollständiger name | voller name | naam | volledige naam | nombre completo
        | nombre y apellidos | nombre apellidos | nom complet | nom prenom | nom et prenom
        | prenom nom | nome completo | nome cognome | nome e cognome | nominativo
        | imie i nazwisko | imie nazwisko | ad soyad | adi soyadi | isim | isim soyisim | adsoyad
        | kisi adi | hasta adi""",
    _K.FIRST_NAME: """
        first name | firstname | given name | givenname | forename | name first | namefirst
        | fname | middle name | middlename | nick name | nickname | vorname | rufname | voornaam
        | roepnaam | nombre | nombres | primer nombre | prenom | imie | isim ad | ilk ad
        | nome | nome proprio""",
    _K.LAST_NAME: """
        last name | lastname | surname | family name | familyname | name last | namelast | lname
        | maiden name | sur name | second name | nachname | familienname | zuname | geburtsname
        | achternaam | familienaam | apellido | apellidos | primer apellido | segundo apellido
        | nom | nom de famille | nom famille | cognome | nazwisko | soyad | soyadi | soyisim
        | sobrenome | apelido""",
    _K.EMAIL: """
        email | e mail | mail | email address | e mail address | mail address | emailaddress
        | user email | contact email | customer email | work email | personal email | email id
        | e mail adresse | email adresse | mailadresse | emailadresse | e mailadres | emailadres
        | mailadres | correo | correo electronico | courriel | adresse mail | adresse email
        | adresse e mail | adresse electronique | posta elettronica | indirizzo email
        | indirizzo e mail | poczta | adres email | adres e mail | eposta | e posta
        | eposta adresi | e posta adresi""",
    _K.PHONE: """
        phone | phone number | phone no | phone nr | phonenumber | telephone number | telephone no
        | tel | tel no | tel nr | telno | mobile phone | mobile number | mobile no
        | cell phone | cellphone | cell number | home phone | work phone | contact number
        | contact phone | customer phone | fax | fax number | msisdn | telefonnummer
        | telefon nummer | telefonnr | telefon | handynummer | mobilnummer
        | mobiltelefon | rufnummer | telefoonnummer | telefoon | mobiel | mobiel nummer
        | gsm nummer | telefono | numero de telefono | numero telefono | movil | celular
        | telefono movil | numero de telephone | numero telephone | telephone portable
        | numero di telefono | cellulare | numero telefonu | nr telefonu | numer telefonu | telefon komorkowy
        | telefon numarasi | telefon no | cep telefonu | cep no""",
    _K.NATIONAL_ID: """
        ssn | social security | social security number | social security no | social insurance number
        | national id | national id number | national identity number | national identification number
        | nationalid | national insurance number | nino | nhs number | nhs no | passport
        | passport number | passport no | passportnumber | identity card | identity card number
        | identity number | id card | id card number | tax id | tax number | taxpayer id
        | drivers license | driver license | driving license | driving licence | drivers licence
        | driver license number | licence plate | license plate | iban | credit card number
        | card number | cc number | account number | bank account | bank account number
        | medical record number | mrn | medicare number | curp | rfc | cpf | pan number | aadhaar
        | aadhar | personnummer | cpr | cpr nummer | henkilotunnus | rodne cislo
        | sozialversicherungsnummer | sozialversicherungsnr | sv nummer | steuernummer | steuer id
        | steueridentifikationsnummer | ausweisnummer | personalausweis | personalausweisnummer
        | reisepass | reisepassnummer | passnummer | versichertennummer | krankenversicherungsnummer
        | kontonummer | kennzeichen | bsn | burgerservicenummer | rijksregisternummer
        | paspoortnummer | paspoort | rekeningnummer | kenteken | dni | nif
        | documento de identidad | numero de documento | numero de la seguridad social | pasaporte
        | numero de pasaporte | cedula | nir | numero de securite sociale | numero securite sociale
        | numero secu | passeport | numero de passeport | carte identite | carte d identite
        | codice fiscale | codicefiscale | passaporto | numero passaporto | carta d identita
        | pesel | nip | numer pesel | nr pesel | dowod osobisty | numer dowodu | paszport
        | numer paszportu | tc kimlik no | tc kimlik | tckn | tc no | kimlik no | kimlik numarasi
        | pasaport | pasaport no""",
    _K.ADDRESS: """
        address | home address | street address | postal address | mailing address
        | billing address | shipping address | delivery address | residential address
        | full address | customer address | address line | address line 1 | address line 2
        | address 1 | address 2 | address1 | address2 | street | street name | street and number
        | ship address | adresse | anschrift | wohnadresse | postanschrift | lieferadresse
        | strasse | straße | strasse und hausnummer | strasse hausnummer | straat | straatnaam
        | huisadres | woonadres | postadres | adres | direccion | domicilio | calle
        | direccion postal | adresse postale | adresse complete | rue | indirizzo
        | indirizzo di residenza | adres zamieszkania | ulica | acik adres | ev adresi | adresi
        | sokak""",
    _K.URL: """
        url | uri | website | web site | homepage | home page | web page | webpage | web address
        | profile url | linkedin | linkedin url | facebook url | twitter handle | webseite
        | internetseite | webadresse | sitio web | pagina web | site web | sito web | sito
        | strona internetowa | strona www | web sitesi""",
    _K.IP: """
        ip | ip address | ip addr | ipaddress | ipv4 | ipv6 | ip v4 | ip v6 | client ip
        | remote ip | remote addr | source ip | src ip | user ip | host ip | login ip | ip adresse
        | ip adres | direccion ip | adresse ip | indirizzo ip | adres ip | ip adresi
        | mac address | mac addr""",
    _K.UUID: "uuid | guid | uuid4 | device uuid | user uuid | unique identifier",
    _K.KEY: """
        id | ids | ident | identifier | key | no | nr | index | idx | row | rownumber | row number
        | row no | row nr | row id | rowid | row num | rownum | row index | line number | line no
        | record id | record number | record no | recordid | recordnumber | pk | primary key
        | serial | serial number | serial no | serialnumber | s no | sl no | sr no | sno
        | sequence number | case number | case no | caseid | case id | obs | serialno
        | observation number | obs no | obs id | obsnumber | respondent | respondent number
        | username | user name | login name | userid | user id | unnamed 0 | unnamed: 0
        | lfd nr | lfdnr | laufende nummer | laufnummer | kundennummer | kundennr | kunden nr
        | kunden nummer | personalnummer | personalnr | mitarbeiternummer | patientennummer
        | patientennr | fallnummer | vertragsnummer | benutzername | matrikelnummer
        | klantnummer | klantnr | personeelsnummer | patientnummer | volgnummer | gebruikersnaam
        | identificador | numero de cliente | numero cliente | numero de registro | usuario
        | identifiant | numero client | numero de client | numero de dossier | matricule
        | utilisateur | identificativo | codice cliente | codice paziente | numero cliente
        | matricola | identyfikator | numer klienta | nr klienta | lp | numer pacjenta
        | kimlik | sira no | musteri no | musteri numarasi | hasta no | sicil no
        | kayit no""",
    _K.FREE_TEXT: """
        comment | remark | remarks | note | notes | free text | freetext | narrative | message
        | message text | comment text | review text | clinical notes
        | doctor notes | free text comment | bemerkung | bemerkungen | kommentar | anmerkung
        | anmerkungen | freitext | notiz | notizen | opmerking | opmerkingen | toelichting
        | comentario | comentarios | observaciones | commentaire | commentaires | remarque
        | remarques | commento | commenti | osservazioni | komentarz | uwagi | yorum | aciklama
        | notlar""",
}

_ENTITY_WORDS = """
    account admission applicant booking card case client contact contract customer device doctor
    donor employee encounter episode family hadm hh household icustay individual invoice loan
    member order participant passenger patient payment person player policy provider pupil purchase
    record respondent row sample staff stay student subject subscriber ticket
    transaction txn user vehicle visit visitor voter worker
    kunde kunden mitarbeiter patienten person vertrag fall klant patient medewerker cliente
    paciente empleado persona alumno usuario client salarie personne paziente dipendente utente
    klient klienta pacjent pacjenta pracownik osoba musteri hasta kisi calisan ogrenci
"""
_ENTITIES = frozenset(_ENTITY_WORDS.split())
_ENDINGS = frozenset({"id", "ids", "key"})
_NUMBERED_ENDINGS = frozenset({"no", "nr", "number", "num", "code"})
_COUNTED = frozenset(
    {"admission", "donor", "encounter", "episode", "family", "hh", "household", "loan", "person"}
    | {"purchase", "row", "stay", "transaction", "txn", "visit", "visitor", "worker"}
)
_REPEATABLE = frozenset({_K.EMAIL, _K.PHONE, _K.ADDRESS})
_SPLIT = re.compile(r"[^\w]+|_+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def _words(name: str) -> tuple[str, ...]:
    """Split a column name into lower-case words without accents."""
    separated = _SPLIT.sub(" ", unicodedata.normalize("NFC", name))
    folded = separated.replace("ı", "i").replace("ł", "l").replace("ß", "ss").casefold()
    bare = unicodedata.normalize("NFKD", folded)
    return tuple("".join(c for c in bare if not unicodedata.combining(c)).split())


_KNOWN: dict[str, IdentifierKind] = {
    " ".join(_words(name)): kind for kind, names in _NAMES.items() for name in names.split("|")
}


def identifier_by_name(name: str) -> IdentifierKind | None:
    """Tell which direct identifier a column holds, from its name alone.

    Parameters
    ----------
    name
        The column's name; any case, `snake_case`, `camelCase`, accents or not. English, German,
        Dutch, Spanish, French, Italian, Polish and Turkish names are known.

    Returns
    -------
    IdentifierKind or None
        None when the name does not say so for sure.

    >>> identifier_by_name("customerID"), identifier_by_name("Prénom"), identifier_by_name("age")
    (<IdentifierKind.KEY: 'key'>, <IdentifierKind.FIRST_NAME: 'first_name'>, None)
    """
    words = _words(name)
    known = _KNOWN.get(" ".join(words)) or _KNOWN.get("".join(words))
    if known is not None:
        return known
    if not words:
        return None
    repeated = _KNOWN.get(" ".join(words).rstrip("0123456789 "))
    if repeated in _REPEATABLE:
        return repeated
    if len(words) == 1:
        return _run_together(words[0])
    *entity, last = words
    if last in ("uuid", "guid"):
        return IdentifierKind.UUID
    named = all(word in _ENTITIES or word.removesuffix("s") in _ENTITIES for word in entity)
    counted = any(word in _COUNTED for word in entity)
    if named and (last in _ENDINGS or (last in _NUMBERED_ENDINGS and not counted)):
        return IdentifierKind.KEY
    if words[0] in ("id", "nr", "numer", "numero") and all(x in _ENTITIES for x in words[1:]):
        return IdentifierKind.KEY
    return None


def _run_together(word: str) -> IdentifierKind | None:
    """Recognise an entity and its ending written as one word: `customerid`, `patientnumber`."""
    for ending in ("id", "key", "number", "num", "code"):
        entity = word.removesuffix(ending)
        if entity != word and entity in _ENTITIES:
            counted = ending not in _ENDINGS and entity in _COUNTED
            return None if counted else IdentifierKind.KEY
    return None
