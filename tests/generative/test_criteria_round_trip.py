"""Every generated rule survives being printed, stored and explained, and the generator reaches every node."""

from __future__ import annotations

from functools import cache
from typing import get_args

import jsonschema
from hypothesis import HealthCheck, Phase, given, settings

from patients.vocabulary import Domain, default
from tests.generative.criteria_strategies import SAMPLE, Words, definitions, rules
from trials.criteria import tree as t
from trials.criteria.checks import check_rule
from trials.criteria.documents import Definitions
from trials.criteria.english import english, english_definition
from trials.criteria.parser import parse, parse_definition
from trials.criteria.printing import print_definition, print_rule
from trials.criteria.schema import definition_from_json, from_json, json_schema, to_json

NAMED = Words(
    concepts=SAMPLE.concepts,
    measured=SAMPLE.measured,
    coded=SAMPLE.coded,
    named=("fit_organs", "no reason to wait"),
    sets={Domain.DRUG: ("standard_chemotherapy",)},
)
slow = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@cache
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@slow
@given(rules(NAMED, max_leaves=6))
def test_a_printed_rule_reads_back_as_itself(rule: t.Rule) -> None:
    assert parse(print_rule(rule)) == rule


@slow
@given(definitions(NAMED))
def test_a_printed_definition_reads_back_as_itself(definition: t.Definition) -> None:
    assert parse_definition(print_definition(definition)) == definition


@slow
@given(rules(NAMED))
def test_a_stored_rule_is_valid_and_reads_back_as_itself(rule: t.Rule) -> None:
    stored = to_json(rule)
    validator().validate(stored)
    assert from_json(stored) == rule


@slow
@given(definitions(NAMED))
def test_a_stored_definition_is_valid_and_reads_back_as_itself(definition: t.Definition) -> None:
    stored = to_json(definition)
    validator().validate(stored)
    assert definition_from_json(stored) == definition


@slow
@given(rules(NAMED))
def test_a_rule_has_english_without_any_sign_of_the_language(rule: t.Rule) -> None:
    said = english(rule, default())
    assert said.strip()
    for sign in ("_", "==", "None", "TimeUnit", ">=", "<=", "{", "}"):
        assert sign not in said.replace("p.V600E", ""), said


@slow
@given(definitions(NAMED))
def test_a_definition_has_english(definition: t.Definition) -> None:
    assert "means: " in english_definition(definition) or "stands for " in english_definition(definition)


@slow
@given(rules(SAMPLE, max_leaves=6))
def test_the_checks_end_and_know_every_generated_word(rule: t.Rule) -> None:
    found = {finding.code for finding in check_rule(rule, Definitions(), default())}
    assert not found & {"unknown-concept", "unknown-test", "unknown-code", "wrong-domain", "undefined-name", "unit"}


NODES = sorted(
    {
        node
        for union in (t.Rule, t.Value, t.Test, t.Window, t.Anchor, t.Amount, t.Definition)
        for node in get_args(union)
    }
    | {t.Records, t.Concepts, t.FieldTest},
    key=lambda node: node.__name__,
)


def reached() -> set[type]:
    """Every class of node in a few hundred generated trees, the same ones each time."""
    classes: set[type] = set()
    steady = settings(slow, max_examples=500, database=None, derandomize=True, phases=[Phase.generate])

    @steady
    @given(rules(NAMED))
    def of_rules(rule: t.Rule) -> None:
        classes.update(type(node) for node in t.walk(rule))

    @settings(steady, max_examples=100)
    @given(definitions(NAMED))
    def of_definitions(definition: t.Definition) -> None:
        classes.update(type(node) for node in t.walk(definition))

    of_rules()
    of_definitions()
    return classes


def test_the_generator_reaches_every_class_of_node() -> None:
    # One test: to generate is what costs, and each process of a run would do it for its share of the classes.
    found = reached()
    assert [node.__name__ for node in NODES if node not in found] == []
