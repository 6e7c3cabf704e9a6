"""The schema room: what is publicly known about a table, and nothing else.

Types of columns, declared domains, rules, the unit; YAML in and out; whether a schema fits a
header; identifiers recognised by name. What may not happen here: access to rows.
"""

from __future__ import annotations

from understudy.schema.column import Column
from understudy.schema.contradictions import check_against
from understudy.schema.files import (
    dump_schema,
    dumps_schema,
    load_schema,
    loads_schema,
    parse_schema,
)
from understudy.schema.formulas import Formula, parse_formula
from understudy.schema.kinds import IdentifierKind, Kind, Storage
from understudy.schema.language import parse_rule
from understudy.schema.model import Rule, Schema
from understudy.schema.names import identifier_by_name
from understudy.schema.purpose_files import (
    check_purposes,
    dump_purposes,
    dumps_purposes,
    load_purposes,
    loads_purposes,
    parse_purposes,
)
from understudy.schema.purposes import (
    ClassifierPurpose,
    Purpose,
    Purposes,
    RegressionPurpose,
    SubgroupPurpose,
    TablePurpose,
)
from understudy.schema.rules import violations
from understudy.schema.spelling import did_you_mean, nearest

__all__ = [
    "ClassifierPurpose",
    "Column",
    "Formula",
    "IdentifierKind",
    "Kind",
    "Purpose",
    "Purposes",
    "RegressionPurpose",
    "Rule",
    "Schema",
    "Storage",
    "SubgroupPurpose",
    "TablePurpose",
    "check_against",
    "check_purposes",
    "did_you_mean",
    "dump_purposes",
    "dump_schema",
    "dumps_purposes",
    "dumps_schema",
    "identifier_by_name",
    "load_purposes",
    "load_schema",
    "loads_purposes",
    "loads_schema",
    "nearest",
    "parse_formula",
    "parse_purposes",
    "parse_rule",
    "parse_schema",
    "violations",
]
