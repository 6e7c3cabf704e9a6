"""Where a table lies when it is no file: addresses of databases, without their secrets.

    postgresql://[user@]host[:port]/database?table=[schema.]table
    duckdb:///path/to/file.duckdb?table=[schema.]table
    spark+parquet:///folder/of/files
    spark+table:///[database.]table

An address never carries a password: it would lie in the shell's history, in the list of
processes and in every log on the way. One that does is refused, and the refusal repeats nothing
of it. Credentials come from where PostgreSQL's own programs take them: the environment
(PGPASSWORD, PGUSER, PGHOST, PGSERVICE …), `~/.pgpass`, `~/.pg_service.conf`.

What may not happen here: a connection, or a message that repeats an address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from understudy.errors import InputError

Engine = Literal["postgresql", "duckdb", "spark+parquet", "spark+table"]

_SCHEMES: Mapping[str, Engine] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "duckdb": "duckdb",
    "spark+parquet": "spark+parquet",
    "spark+table": "spark+table",
}
_SHAPES: Mapping[Engine, str] = {
    "postgresql": "postgresql://host/database?table=schema.table",
    "duckdb": "duckdb:///path/to/file.duckdb?table=table",
    "spark+parquet": "spark+parquet:///folder",
    "spark+table": "spark+table:///database.table",
}
_OPTIONS: Mapping[Engine, tuple[str, ...]] = {
    "postgresql": ("connect_timeout", "host", "service", "sslmode", "sslrootcert", "table"),
    "duckdb": ("table",),
    "spark+parquet": (),
    "spark+table": (),
}
_SECRETS = ("password", "passfile", "sslpassword", "sslkey", "token", "secret", "user", "auth")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?://|/(?!/))")
_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/+[^/]*:[^/]*@")
_WHERE = "set PGPASSWORD or write it into ~/.pgpass, and leave it out of the address"


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a table lies: public facts, as a person typed them.

    Parameters
    ----------
    engine
        Which engine answers.
    host, port, database, user
        Of a server; None is the environment's or the server's default.
    path
        Of a file or folder.
    schema, table
        The table, or a view; the schema is None for the engine's default.
    options
        Further settings of the connection.
    """

    engine: Engine
    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = field(default=None, repr=False)
    path: Path | None = None
    schema: str | None = None
    table: str = ""
    options: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """What messages and titles call the table."""
        return self.table or (self.path.stem if self.path else "table")

    def __str__(self) -> str:
        """The address without the user, so that a table has one name whoever asks."""
        table = f"{self.schema}.{self.table}" if self.schema else self.table
        match self.engine:
            case "postgresql":
                at = f"{self.host or ''}{f':{self.port}' if self.port else ''}"
                service = dict(self.options).get("service")
                told = f"&service={quote(service)}" if service else ""
                return f"postgresql://{at}/{quote(self.database or '')}?table={quote(table)}{told}"
            case "duckdb":
                return f"duckdb://{self.path}?table={quote(table)}"
            case "spark+parquet":
                return f"spark+parquet://{self.path}"
        return f"spark+table:///{table}"


def is_address(text: str) -> bool:
    """Whether a text is meant as an address and not as a path.

    >>> is_address("postgresql://host/db?table=t"), is_address("data/visits.csv")
    (True, False)
    """
    found = _ADDRESS.match(text)
    return found is not None and ("://" in text or found[1].lower() in _SCHEMES)


def refuse_address(path: object) -> None:
    """Refuse an address where a file is wanted, without repeating it: it may hold a password.

    Raises
    ------
    InputError
        It is an address, also one that was taken for a path and lost a slash.

    >>> refuse_address("data/visits.csv")
    """
    text = str(path)
    if is_address(text) or _CREDENTIALS.match(text):
        raise InputError(
            "an address stands where the path of a file is wanted",
            hint="`synthesize`, `schema` and `plan` take addresses of tables in a database",
        )


def parse_address(text: str) -> Address:
    """Read an address.

    Parameters
    ----------
    text
        A URL as in the module's head. Percent signs escape odd characters.

    Raises
    ------
    InputError
        It carries a secret, names an unknown engine or option, or no table. The message repeats
        none of it but names of engines and options.

    >>> parse_address("postgresql://ann@db.example:5433/clinic?table=care.visits").schema
    'care'
    >>> print(parse_address("postgresql://ann@db.example:5433/clinic?table=care.visits"))
    postgresql://db.example:5433/clinic?table=care.visits
    """
    found = _ADDRESS.match(text)
    scheme = found[1].lower() if found else ""
    if scheme not in _SCHEMES:
        raise InputError(
            "the address names no engine that is known here",
            hint=f"write {', '.join(_SHAPES.values())}",
        )
    engine = _SCHEMES[scheme]
    _refuse_secret(text)
    if not text[len(scheme) + 1 :].startswith("//"):
        raise _malformed(engine, "has one slash where there are two")
    try:
        parts = urlsplit(text)
        port = parts.port
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise _malformed(engine, "is malformed") from None
    options = _options(engine, pairs)
    if parts.fragment:
        raise _malformed(engine, "has a '#', which must be written %23")
    if engine == "postgresql":
        return _server(parts.hostname, port, unquote(parts.username or ""), parts.path, options)
    if parts.username or port is not None:
        raise _malformed(engine, "names a user or a port, which this engine does not have")
    place = unquote(f"{parts.netloc}{parts.path}")
    if engine == "spark+table":
        return _table_of(place.strip("/"), Address(engine=engine))
    if not place.strip("/"):
        raise _malformed(engine, "names no file or folder")
    path = Path(place).expanduser().resolve()
    if engine == "spark+parquet":
        return Address(engine=engine, path=path)
    return _table_of(options.pop("table", ""), Address(engine=engine, path=path))


def _refuse_secret(text: str) -> None:
    """Refuse an address with a password, or with anything that may be one."""
    before, at, _ = text.partition("://")[2].rpartition("@")
    held = bool(at) and ":" in before
    names = re.findall(r"[?&;]\s*([A-Za-z_]+)\s*=", text)
    if held or any(name.lower() in _SECRETS for name in names):
        raise InputError("the address carries a password or another secret", hint=_WHERE)


def _options(engine: Engine, pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The options of an address, each of them known and given once."""
    allowed = _OPTIONS[engine]
    for name, _ in pairs:
        if name not in allowed:
            known = f"known: {', '.join(allowed)}" if allowed else "this engine has none"
            raise InputError("the address has an option that is not known", hint=known)
    options = dict(pairs)
    if len(options) != len(pairs):
        raise _malformed(engine, "gives an option twice")
    return options


def _server(
    host: str | None, port: int | None, user: str, path: str, options: dict[str, str]
) -> Address:
    """The address of a table on a PostgreSQL server."""
    database = unquote(path).strip("/")
    table = options.pop("table", "")
    host = options.pop("host", None) or host
    if "/" in database:
        raise _malformed("postgresql", "names more than a database before the '?'")
    return _table_of(
        table,
        Address(
            engine="postgresql",
            host=host or None,
            port=port,
            database=database or None,
            user=user or None,
            options=tuple(sorted(options.items())),
        ),
    )


def _table_of(text: str, address: Address) -> Address:
    """The address with a table, written `table` or `schema.table`, quoted where it must be."""
    quoted = re.fullmatch(r'(?:("(?:[^"]|"")+"|[^".]+)\.)?("(?:[^"]|"")+"|[^".]+)', text)
    if quoted is None:
        raise _malformed(address.engine, "names no table, or several")
    schema, table = (part and _unquoted(part) for part in quoted.groups())
    return replace(address, schema=schema, table=table)


def _unquoted(part: str) -> str:
    """A name as it is, without SQL's quotes."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def _malformed(engine: Engine, what: str) -> InputError:
    """An address that cannot be read; it is not repeated."""
    return InputError(f"the address {what}", hint=f"write {_SHAPES[engine]}")
