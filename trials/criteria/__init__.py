"""The criteria language: read, check, print and explain a rule. Pure Python, nothing of the framework.

`parse` reads, `print_rule` and `english` say, `to_json` stores; `check_document` finds what must not be published.
Documents of trials and options stand in `trials.criteria.documents`, the nodes of rules in `trials.criteria.tree`.
"""

from trials.criteria.checks import Finding, Severity, check_document, check_rule
from trials.criteria.english import english, english_definition
from trials.criteria.errors import InvalidNode, RuleError, ShapeError
from trials.criteria.parser import parse, parse_concepts, parse_definition, parse_span
from trials.criteria.printing import print_definition, print_rule
from trials.criteria.schema import definition_from_json, from_json, json_schema, to_json

__all__ = [
    "Finding",
    "InvalidNode",
    "RuleError",
    "Severity",
    "ShapeError",
    "check_document",
    "check_rule",
    "definition_from_json",
    "english",
    "english_definition",
    "from_json",
    "json_schema",
    "parse",
    "parse_concepts",
    "parse_definition",
    "parse_span",
    "print_definition",
    "print_rule",
    "to_json",
]
