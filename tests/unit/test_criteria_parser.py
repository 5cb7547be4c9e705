"""Reading and printing rules: what is understood, and what an author is told of a mistake."""

import pytest

from trials.criteria import tree as t
from trials.criteria.errors import InvalidNode, RuleError, ShapeError
from trials.criteria.kinds import Kind
from trials.criteria.parser import parse, parse_concepts, parse_definition, parse_span, reserved_words
from trials.criteria.printing import print_definition, print_name, print_rule
from trials.criteria.schema import definition_from_json, from_json, json_schema, schema_text, to_json

# The examples of the specification, each a whole rule.
EXAMPLES = """
age >= 18
anc >= 1.5 10*9/L within 14 days
bilirubin <= 1.5 x ULN
ast <= 2.5 x ULN or (has condition(liver metastasis) and ast <= 5 x ULN)
creatinine <= 1.5 x ULN or creatinine_clearance >= 60 mL/min
has diagnosis(leiomyosarcoma, extent: metastatic)
has diagnosis(soft tissue sarcoma, other than: adipocytic sarcoma)
has treatment(doxorubicin, outcome: failure) and count line(systemic, setting: advanced) = 1
count line(systemic, setting: advanced) between 1 and 3
no treatment(chemotherapy) within lesser of (28 days, 5 half-lives)
no medication(systemic corticosteroid, route: not inhaled or topical, ongoing: yes)
daily_dose(systemic corticosteroid as prednisone) <= 10 mg/day within 14 days
has condition(CNS metastasis) except when (has condition(CNS metastasis, state: treated and stable for 4 weeks) and no medication(systemic corticosteroid) within 7 days)
no toxicity(any, other than: alopecia, grade: > 1 and > baseline, state: ongoing)
has biomarker(NTRK1 or NTRK2 or NTRK3, fusion)
has biomarker(CD274, expression, scale: CPS, value: >= 10)
has biomarker(BRCA1 or BRCA2, mutation, origin: germline, significance: pathogenic or likely pathogenic)
cumulative_dose(anthracycline as doxorubicin) <= 450 mg/m2
if sex is female and childbearing_potential is yes then pregnancy_test is negative within 7 days
has diagnosis(malignancy, other than: this cancer or basal cell carcinoma) within 3 years
has toxicity(any, due_to: treatment(trabectedin))
has treatment(any, line: between 1 and 2, intent: (curative), dose: >= 12 g/m2, relative_dose: < 80 %)
time from start of first treatment(any) to planned start > 6 months or time since last treatment(any) > 1 year
duration of treatment(imatinib) >= 6 months and ecog <= 2 during this treatment
ast / alt < 2 and ast <= 50 % of alt and ast <= 2 x alt and albumin >= 1 x LLN and age between 18 and 70
mean of last 3 qtcf(method: Fridericia, since: end of this treatment) <= 470 ms any time
lowest lvef >= 50 % within 3 months after first drug(trastuzumab) or lvef is recorded before today
at most 1 of (hbsag is any of (negative, indeterminate); hbsag is not positive; sex is female)
count treatment(any) != 1 or count treatment(any) <= 3 or count treatment(any) >= 2 any time
has condition(any, state: (active or symptomatic) and not treated, site: not bone)
(has treatment(doxorubicin, outcome: failure) and count line(systemic, setting: advanced) = 1) or (count line(systemic, setting: advanced) = 0 and has treatment(doxorubicin, setting: perioperative) and ask "does failure after perioperative doxorubicin count?")
""".strip().splitlines()


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_of_the_specification(text: str) -> None:
    rule = parse(text)
    assert parse(print_rule(rule)) == rule


def obs(test: str) -> t.Observation:
    return t.Observation(test)


ECOG = t.Comparison(obs("ecog"), t.Operator.LE, t.Quantity(2))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("ecog <= 2", ECOG),
        ("ecog =< 2  # as protocols write it", ECOG),
        ("ecog ≤ 2", ECOG),
        ("not ecog <= 2", t.Not(ECOG)),
        ("((ecog <= 2))", ECOG),
        ("ecog ≠ 2", t.Comparison(obs("ecog"), t.Operator.NE, t.Quantity(2))),
        ("lvef >= 50%", t.Comparison(obs("lvef"), t.Operator.GE, t.Quantity(50, "%"))),
        ("has treatment(any)", t.Has(t.Mode.HAS, t.Records(Kind.TREATMENT, t.Concepts.of("any")))),
        (
            "has treatment(setting: advanced)",
            t.Has(
                t.Mode.HAS,
                t.Records(Kind.TREATMENT, t.Concepts.of("any"), None, (t.FieldTest("setting", t.Code("advanced")),)),
            ),
        ),
        ("fit_organs", t.Named("fit_organs")),
        ('"end of story"', t.Named("end of story")),
        ("treatment", t.Named("treatment")),
        ("count treatment(any) > 1", t.Count(t.Records(Kind.TREATMENT, t.Concepts.of("any")), 2)),
        ("count treatment(any) < 3", t.Count(t.Records(Kind.TREATMENT, t.Concepts.of("any")), 0, 2)),
        ("count treatment(any) != 2", t.Count(t.Records(Kind.TREATMENT, t.Concepts.of("any")), 2, 2, True)),
        ("age is recorded", t.IsRecorded(t.Age())),
        (
            "ecog <= 2 before planned start",
            t.Comparison(obs("ecog"), t.Operator.LE, t.Quantity(2), t.Beside(t.Side.BEFORE, t.PlannedStart())),
        ),
        (
            "at least 28 days since last treatment(surgery)",
            t.Comparison(
                t.Elapsed(t.Event(t.Which.LAST, t.Records(Kind.TREATMENT, t.Concepts.of("surgery")))),
                t.Operator.GE,
                t.Span(28, t.TimeUnit.DAY),
            ),
        ),
        (
            "has biomarker(BRCA1, mutation or deletion)",
            t.Has(
                t.Mode.HAS,
                t.Records(
                    Kind.BIOMARKER,
                    t.Concepts.of("BRCA1"),
                    None,
                    (t.FieldTest("alteration", t.Some((t.Code("mutation"), t.Code("deletion")))),),
                ),
            ),
        ),
    ],
)
def test_what_a_text_means(text: str, rule: t.Rule) -> None:
    assert parse(text) == rule


def test_brackets_in_a_field_test() -> None:
    rule = parse("has toxicity(any, grade: (> 1 or < 1) and != 3)")
    assert isinstance(rule, t.Has)
    test = rule.records.tests[0].test
    assert isinstance(test, t.Every) and isinstance(test.parts[0], t.Some)
    assert parse(print_rule(rule)) == rule


# text, line, column, what the message must hold
MISTAKES = {
    "a typo in a word of the language": ("ecog <= 2 adn age >= 18", 1, 11, "'adn' (did you mean 'and'?)"),
    "a second line": ("ecog <= 2 and\nage >> 18", 2, 6, "expected"),
    "an end too early": ("ecog <=", 1, 8, "the rule ends too early"),
    "an end too early on a later line": ("ecog <= 2\nand", 2, 4, "the rule ends too early"),
    "nothing": ("", 1, 1, "the rule ends too early"),
    "a bracket that is not closed": ("(ecog <= 2", 1, 11, "the rule ends too early: expected"),
    "a sign no rule has": ("ecog <= 2 & age >= 18", 1, 11, "unexpected '&'"),
    "an unknown kind": ("has tretment(any)", 1, 5, "did you mean treatment?"),
    "a kind like no other": ("has xyz(any)", 1, 5, "known are diagnosis, condition"),
    "a field of another kind": ("has medication(any, setting: advanced)", 1, 5, "medication has no field setting"),
    "a word of another field": ("has treatment(any, setting: oral)", 1, 5, "oral is no setting: known are neoadjuvant"),
    "a field twice": ("has treatment(any, line: = 1, line: = 2)", 1, 5, "line is tested twice"),
    "a set twice": ("has treatment(doxorubicin, ifosfamide)", 1, 28, "treatment does not take this here"),
    "a number for a word": ("has treatment(any, setting: > 1)", 1, 5, "setting is not a number"),
    "a word for a number": ("has treatment(any, line: second)", 1, 5, "line is a number: write line: = second"),
    "a record for a word": ("has treatment(any, setting: drug(x))", 1, 5, "setting does not point to another record"),
    "a baseline of no grade": ("has treatment(any, line: > baseline)", 1, 5, "only a grade has a baseline"),
    "a name for a number": ("has toxicity(any, grade: > normal)", 1, 26, "a number or `baseline` is expected"),
    "a duration of no state": ("has treatment(any, setting: advanced for 2 weeks)", 1, 5, "how long a state has held"),
    "an event that is no event": ("has disease_status(worse)", 1, 5, "worse is no disease status"),
    "a site that is asked for": ("has site(metastasis)", 1, 1, "sites are counted"),
    "any beside others": ("has treatment(any or doxorubicin)", 1, 15, "`any` stands alone"),
    "other than any": ("has treatment(doxorubicin, other than: any)", 1, 5, "leaves nothing"),
    "this what": ("has diagnosis(this tumour)", 1, 15, "write `this cancer` or `this treatment`"),
    "a number first": ("18 <= age", 1, 1, "write the value first"),
    "an age second": ("ecog <= age", 1, 1, "write an age or a time first"),
    "a limit of an age": ("age <= 1 x ULN", 1, 1, "ULN and LLN belong to a laboratory test"),
    "a limit of nothing": ("ast <= 0 x ULN", 1, 8, "a multiple of a limit is positive"),
    "a multiple of a limit": ("ast <= 2 x 1.5 x ULN", 1, 8, "only the value of a test or a dose is multiplied"),
    "a ratio with a time": ("ast / 28 days > 1", 1, 1, "a ratio is of two tests"),
    "a time without a span": ("time since last treatment(any) >= 28", 1, 1, "a time is compared with a span"),
    "an age of a method": ("lowest age >= 18", 1, 1, "the age is counted, not measured"),
    "a dose without drugs": ("dose >= 5 mg", 1, 1, "dose is of drugs"),
    "a dose with a field": ("dose(doxorubicin, since: today) >= 5 mg", 1, 6, "dose takes drugs"),
    "a dose of a field": ("dose(since: today) >= 5 mg", 1, 6, "dose takes drugs"),
    "a test with a set": ("qtcf(fridericia) < 470 ms", 1, 6, "qtcf takes `method:` and `since:`"),
    "a method of two": ("qtcf(method: a or b) < 470 ms", 1, 6, "a method is one name"),
    "the code of a number": ("5 is yes", 1, 1, "`is` asks for the value of a test"),
    "the record of a dose": ("dose(x) is recorded", 1, 1, "only a test or the age is recorded"),
    "the mean of codes": ("mean of last 2 hbsag is positive", 1, 1, "coded values have no mean"),
    "half a record": ("count treatment(any) >= 1.5", 1, 1, "1.5 is no whole number"),
    "fewer than none": ("count treatment(any) < 0", 1, 1, "a count cannot be less than 0"),
    "none or more": ("count treatment(any) >= 0", 1, 1, "every count is 0 or more"),
    "between nothing": ("count treatment(any) between 3 and 1", 1, 1, "the count is between nothing"),
    "three of two": ("at least 3 of (ecog <= 2; age >= 18)", 1, 1, "3 of 2 rules cannot be asked for"),
    "none at least": ("at least 0 of (ecog <= 2; age >= 18)", 1, 1, "at least 0 of them is always so"),
    "all at most": ("at most 2 of (ecog <= 2; age >= 18)", 1, 1, "at most all of them is always so"),
    "during no record": ("ecog <= 2 during today", 1, 11, "`during` needs a record"),
    "an empty question": ('ask " "', 1, 1, "a question needs words"),
    "a time of sites": ("duration of site(metastasis) > 1 year", 1, 1, "they have no duration"),
    "a link to sites": ("has toxicity(any, due_to: site(metastasis))", 1, 27, "nothing points to them"),
    "a date of sites": ("ecog <= 2 before first site(metastasis)", 1, 18, "a count of sites has no date"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_its_place(case: str) -> None:
    text, line, column, message = MISTAKES[case]
    with pytest.raises(RuleError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column), str(caught.value)
    assert message in caught.value.message


def test_the_whole_message_points_at_the_place() -> None:
    with pytest.raises(RuleError) as caught:
        parse("age >= 18 and\necog << 2")
    assert str(caught.value).splitlines()[1:] == ["  ecog << 2", "        ^"]
    assert str(RuleError("without a place")) == "without a place"
    assert str(RuleError("beyond the text", 3, 1, "one line")) == "line 3, column 1: beyond the text"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" \n ", "the rule ends too early"),
        ("ecog <= 2 or " * 80_000 + "ecog <= 2", "1,040,009 characters, and at most 6,000 are read"),
        ("not " * 1_000 + "ecog <= 2", "nested more than 50 deep here"),
        ("(" * 5_000 + "ecog <= 2" + ")" * 500, "the rule ends too early"),
        ("ecog <= " + "9" * 5_000, "is no number of a rule"),
        ("has diagnosis(x)" + "y" * 5_000, "unexpected 'yyyy"),
    ],
    ids=[
        "blank",
        "1 MB",
        "a thousand nots",
        "brackets that do not close",
        "a number of 5,000 digits",
        "a long word",
    ],
)
def test_a_rule_that_nobody_can_read_is_refused_in_few_words(text: str, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text)
    assert message in caught.value.message
    assert len(str(caught.value)) < 900


def test_a_long_line_is_shown_around_the_mistake() -> None:
    rule = "ecog <= 2 and " * 100
    for text, start, end in ((rule + "age >> 3", "…", "age >> 3"), ("age >> 3 and " + rule, "age >> 3", "…")):
        with pytest.raises(RuleError) as caught:
            parse(text)
        shown, mark = str(caught.value).splitlines()[1:]
        assert shown.strip().startswith(start) and shown.endswith(end)
        assert shown[len(mark) - 2 : len(mark)] == ">>", "the mark stands below the second sign"


def test_brackets_cost_nothing_however_many() -> None:
    assert parse("(" * 2_900 + "ecog <= 2" + ")" * 2_900) == parse("ecog <= 2")
    deep = parse("not " * 40 + "ecog <= 2")
    assert parse(print_rule(deep)) == deep


def test_a_reserved_word_in_a_name_is_quoted() -> None:
    assert {"of", "and", "first", "ULN", "x"} <= reserved_words()
    assert "treatment" not in reserved_words()
    assert print_name("head and neck cancer") == '"head and neck cancer"'
    assert print_name("end stage renal disease") == '"end stage renal disease"'
    assert print_name("5-fluorouracil") == '"5-fluorouracil"'
    assert print_name("CD19 2 b") == "CD19 2 b"
    bare = parse_concepts("head and neck cancer")
    assert bare.alternatives == (("head", "neck cancer"),)
    assert parse_concepts('"head and neck cancer"') == t.Concepts.of("head and neck cancer")


def test_sets_and_spans_stand_alone_too() -> None:
    assert parse_concepts("leiomyosarcoma or liposarcoma").names == ("leiomyosarcoma", "liposarcoma")
    assert parse_span("14 days") == t.Span(14, t.TimeUnit.DAY)
    assert parse_span("1 half-life") == t.Span(1, t.TimeUnit.HALF_LIFE)
    for read, text in ((parse_concepts, "a or"), (parse_span, "14 dys")):
        with pytest.raises(RuleError):
            read(text)


@pytest.mark.parametrize(
    "text",
    [
        "define failure of doxorubicin as has disease_status(progression) after start of this treatment",
        "define refractory to platinum agent as has disease_status(progression) within 6 months after this treatment",
        "define intolerant of imatinib as has treatment(this treatment, stop_reason: toxicity)",
        "define set standard_chemotherapy as anthracycline or gemcitabine and docetaxel",
        'define "end organs" as ecog <= 1 and anc >= 1.5 10*9/L',
        "define treatment as ecog <= 1",
    ],
)
def test_definitions(text: str) -> None:
    assert print_definition(parse_definition(text)) == text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: t.And((ECOG,)), "`and` joins two rules or more"),
        (lambda: t.Or((ECOG,)), "`or` joins two rules or more"),
        (lambda: t.Quota(t.Bound.EXACTLY, 1, (ECOG,)), "a count of rules needs two or more"),
        (lambda: t.Every((t.Code("a"),)), "`and` joins two tests or more"),
        (lambda: t.Some((t.Code("a"),)), "`or` joins two tests or more"),
        (lambda: t.Extreme(True, (t.Span(1, t.TimeUnit.DAY),)), "need two spans or more"),
        (lambda: t.Span(-1, t.TimeUnit.DAY), "write 0 or more"),
        (lambda: t.Quantity(float("nan")), "write 0 or more"),
        (lambda: t.Quantity(1, "mg / dL"), "a unit has no spaces"),
        (lambda: t.Compare(t.Operator.GT, None, "mg"), "`baseline` has no unit"),
        (lambda: t.Concepts(()), "a set of concepts cannot be empty"),
        (lambda: t.Concepts.of(" "), "is no name"),
        (lambda: t.Code('a "b"'), "is no name"),
        (lambda: t.Observation("two words"), "write one word"),
        (lambda: t.Observation("qtcf", t.Pick.MEAN), "a mean says of how many values"),
        (lambda: t.IsCode(obs("hbsag"), ()), "`is` needs a value"),
        (lambda: t.IsCode(obs("hbsag"), ("a", "b"), negated=True), "`is not` takes one value"),
        (lambda: t.Count(t.Records(Kind.TREATMENT, t.Concepts.of("any")), -1, 2), "a count cannot be negative"),
        (lambda: t.Count(t.Records(Kind.TREATMENT, t.Concepts.of("any")), 1, 2, True), "`!=` takes one number"),
        (lambda: t.Within(t.Span(1, t.TimeUnit.DAY), t.Side.DURING), "`within` goes before or after"),
        (lambda: t.DefineOutcome("success", t.Concepts.of("any"), ECOG), "success is no outcome"),
    ],
)
def test_a_node_that_means_nothing_cannot_be_built(make: object, message: str) -> None:
    with pytest.raises(InvalidNode, match=message.replace("(", r"\(")):
        make()  # type: ignore[operator]  # each case is a function


def test_the_parts_and_leaves_of_a_rule() -> None:
    rule = parse("if ecog <= 2 then age >= 18 else not fit except when (at least 1 of (a; b) and c)")
    assert [print_rule(leaf) for leaf in t.leaves(rule)] == ["ecog <= 2", "age >= 18", "fit", "a", "b", "c"]
    assert len(t.children(parse("if a then b"))) == 2
    assert t.same_name("Fit-organs", "fit_organs")
    assert list(t.walk(t.Today())) == [t.Today()]
    assert list(t.walk("no node")) == ["no node"]


# --- stored as JSON ---


def test_a_rule_is_stored_with_every_member() -> None:
    assert to_json(ECOG) == {
        "node": "comparison",
        "left": {"node": "observation", "test": "ecog", "pick": "latest", "last": 0, "method": "", "since": None},
        "operator": "<=",
        "right": {"node": "quantity", "number": 2, "unit": ""},
        "window": None,
    }


def changed(**members: object) -> dict[str, object]:
    return {**to_json(ECOG), **members}


SHAPES = {
    "no object": ([], "$: [] is not expected here: one of and, ask, between"),
    "no node": ({}, "$: {} is not expected here"),
    "an unknown node": ({"node": "perhaps"}, "$: node 'perhaps' is not expected here"),
    "a node of another place": (changed(left={"node": "and", "parts": []}), "$.left: node 'and' is not expected here"),
    "an unknown member": (changed(extra=1), "$.extra: comparison has no such member: it has left, operator"),
    "a member missing": ({"node": "comparison", "operator": "<="}, "$: comparison lacks its member 'left'"),
    "an unknown word": (changed(operator="~"), '$.operator: "~" is not one of <, <=, >, >=, =, !='),
    "a text for a number": (
        changed(right={"node": "quantity", "number": "2"}),
        '$.right.number: a value of type number is expected, not "2"',
    ),
    "a yes for a number": (
        changed(right={"node": "quantity", "number": True}),
        "$.right.number: a value of type number is expected",
    ),
    "no number at all": (
        changed(right={"node": "quantity", "number": float("inf")}),
        "$.right.number: a value of type number",
    ),
    "an invalid node": (changed(right={"node": "quantity", "number": -2}), "$.right: -2.0 is no number of a rule"),
    "a list for a list of lists": (
        {
            "node": "has",
            "mode": "has",
            "records": {
                "node": "records",
                "kind": "treatment",
                "concepts": {"node": "concepts", "alternatives": ["x"]},
            },
        },
        "$.records.concepts.alternatives[0]: a list is expected",
    ),
    "another node for the only one": (
        {"node": "has", "mode": "has", "records": {"node": "code", "code": "x"}},
        "$.records: an object with node 'records' is expected",
    ),
    "a count that is no count": (
        {"node": "quota", "bound": "exactly", "number": True, "parts": []},
        "$.number: a value of type integer",
    ),
    "a long value": ({"node": "ask", "question": ["x" * 99]}, "..."),
}


@pytest.mark.parametrize("case", SHAPES)
def test_an_unknown_shape_is_refused_with_its_path(case: str) -> None:
    data, message = SHAPES[case]
    with pytest.raises(ShapeError) as caught:
        from_json(data)
    assert message in str(caught.value)


def test_a_member_that_has_a_default_may_be_missing() -> None:
    stored = to_json(ECOG)
    del stored["window"]
    assert from_json(stored) == ECOG


def test_a_definition_is_stored_too() -> None:
    definition = parse_definition("define fit as ecog <= 2")
    assert definition_from_json(to_json(definition)) == definition
    with pytest.raises(ShapeError, match="define_outcome, define_rule, define_set"):
        definition_from_json(to_json(ECOG))


def test_the_schema_names_every_node_and_refuses_others() -> None:
    schema = json_schema()
    assert schema["$id"].startswith("urn:") and schema_text().endswith("}\n")
    assert schema["$defs"]["comparison"]["additionalProperties"] is False
    assert schema["$defs"]["comparison"]["required"] == ["node", "left", "operator", "right"]
    assert schema["$defs"]["compare"]["properties"]["number"] == {
        "oneOf": [{"type": "number", "minimum": 0}, {"type": "null"}]
    }
    assert schema["$defs"]["is_recorded"]["properties"]["value"] == {
        "oneOf": [{"$ref": "#/$defs/observation"}, {"$ref": "#/$defs/age"}]
    }
