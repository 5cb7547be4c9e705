"""Molecular findings against patterns (SEMANTICS §2.1): what a positive row shows and how little a negative denies."""

from dataclasses import replace

import pytest

from tests.synthetic import asked, lms, truth


def marker(gene, alteration="mutation", result="positive", **cells):
    return {"gene": gene, "alteration": alteration, "result": result, "date": "2024-03-01", **cells}


def gone(gene, alteration="mutation", **cells):
    return marker(gene, alteration, "negative", **cells)


def measured(value, scale="CPS", **cells):
    return {"gene": "PD-L1", "alteration": "expression", "value": value, "scale": scale, "date": "2024-03-01", **cells}


NTRK = "NTRK1 or NTRK2 or NTRK3"
CPS = "has biomarker(CD274, expression, scale: CPS, value: >= 10)"
BRAF_V600E = "has biomarker(BRAF, mutation, variant: V600E)"
BRCA = "has biomarker(BRCA1, mutation"

#: What is asked, the rows of the patient, the answer.
POSITIVE = {
    "other than takes a gene of the family away": (
        "has biomarker(BRCA, mutation, other than: BRCA1)", [marker("BRCA1")], "unknown: not recorded"),
    "and leaves the other": ("has biomarker(BRCA, mutation, other than: BRCA1)", [marker("BRCA2")], "met"),
    "a row of the family may be of the one taken away": (
        "has biomarker(BRCA, mutation, other than: BRCA1)", [marker("BRCA")], "unknown: imprecise"),
    "any marker": ("has biomarker(any)", [marker("TP53")], "met"),
    "any but one": ("has biomarker(any, other than: TP53)", [marker("TP53")], "unknown: not recorded"),
    "a family row is certain where every member is asked": (
        f"has biomarker({NTRK}, fusion)", [marker("NTRK", "fusion")], "met"),
    "but not for one member": ("has biomarker(NTRK1, fusion)", [marker("NTRK", "fusion")], "unknown: imprecise"),
    "a fusion is of its partner too": (
        "has biomarker(NTRK3, fusion)", [marker("ETV6", "fusion", partner_gene="NTRK3")], "met"),
    "of a partner no list knows it may be": (
        "has biomarker(NTRK3, fusion)", [marker("ETV6", "fusion", partner_gene="XYZZY9")], "unknown: imprecise"),
    "a result left out": ("has biomarker(TP53, mutation)", [marker("TP53", result=None)], "unknown: not recorded"),
    "an indeterminate result": (
        "has biomarker(TP53, mutation)", [marker("TP53", result="indeterminate")], "unknown: imprecise"),
    "a result in a word no list knows": (
        "has biomarker(TP53, mutation)", [marker("TP53", result="xyzzy")], "unknown: imprecise"),
}  # fmt: skip

FIELDS = {
    "the partner asked for": (
        "has biomarker(NTRK3, fusion, partner: ETV6)", [marker("NTRK3", "fusion", partner_gene="ETV6")], "met"),
    "another partner": (
        "has biomarker(NTRK3, fusion, partner: ETV6)",
        [marker("NTRK3", "fusion", partner_gene="TP53")], "unknown: not recorded"),
    "no partner recorded": (
        "has biomarker(NTRK3, fusion, partner: ETV6)", [marker("NTRK3", "fusion")], "unknown: not recorded"),
    "a partner no list knows": (
        "has biomarker(NTRK3, fusion, partner: ETV6)",
        [marker("NTRK3", "fusion", partner_gene="XYZZY9")], "unknown: imprecise"),
    "the assay asked for": (
        "has biomarker(NTRK1, fusion, assay: FISH)", [marker("NTRK1", "fusion", assay="FISH")], "met"),
    "no assay recorded": (
        "has biomarker(NTRK1, fusion, assay: FISH)", [marker("NTRK1", "fusion")], "unknown: not recorded"),
    "a negative result is asked": ("has biomarker(TP53, mutation, result: negative)", [gone("TP53")], "met"),
    "and it was positive": (
        "has biomarker(TP53, mutation, result: negative)", [marker("TP53")], "unknown: not recorded"),
    "anything but negative": ("has biomarker(TP53, mutation, result: not negative)", [marker("TP53")], "met"),
    "an indeterminate result is asked": (
        "has biomarker(TP53, mutation, result: indeterminate)", [marker("TP53", result="equivocal")], "met"),
    "the result asked was left out": (
        "has biomarker(TP53, mutation, result: negative)", [marker("TP53", result=None)], "unknown: not recorded"),
    "the result asked is a word no list knows": (
        "has biomarker(TP53, mutation, result: negative)", [marker("TP53", result="xyzzy")], "unknown: imprecise"),
    "the class of a variant": ("has biomarker(TP53, mutation, class: truncating)",
                               [marker("TP53")], "unknown: not recorded"),
    "a variant in three letters": (BRAF_V600E, [marker("BRAF", variant="p.(Val600Glu)")], "met"),
    "the place alone holds the variant": (
        "has biomarker(BRAF, mutation, variant: V600)", [marker("BRAF", variant="V600K")], "met"),
    "the variant may be at the recorded place": (BRAF_V600E, [marker("BRAF", variant="V600")], "unknown: imprecise"),
    "another variant": (BRAF_V600E, [marker("BRAF", variant="V600K")], "unknown: not recorded"),
    "another place": (BRAF_V600E, [marker("BRAF", variant="K601E")], "unknown: not recorded"),
    "a variant in another notation": (BRAF_V600E, [marker("BRAF", variant="c.1799T>A")], "unknown: imprecise"),
    "the exon in words": ('has biomarker(KIT, mutation, exon: "11")', [marker("KIT", exon="exon 11")], "met"),
    "another exon": ('has biomarker(KIT, mutation, exon: "11")', [marker("KIT", exon="9")], "unknown: not recorded"),
    "one exon of several": (
        'has biomarker(KIT, mutation, exon: "11")', [marker("KIT", exon="9-11")], "unknown: imprecise"),
    "a specimen in other words": (
        "has biomarker(TP53, mutation, specimen: blood)", [marker("TP53", specimen="plasma")], "unknown: imprecise"),
    "a specimen in the same words": (
        "has biomarker(TP53, mutation, specimen: blood)", [marker("TP53", specimen="Blood")], "met"),
}  # fmt: skip

VALUES = {
    "the limit is reached": (CPS, [measured("10")], "met"),
    "a value on the scale denies every other value": (CPS, [measured("5")], "not_met"),
    "without a scale in the rule any value answers": (
        "has biomarker(CD274, expression, value: >= 10)", [measured("5")], "not_met"),
    "on another scale it says nothing": (CPS, [measured("5", "TPS")], "unknown: not recorded"),
    "of another alteration it says nothing": (
        CPS, [{**measured("5"), "alteration": "amplification"}], "unknown: not recorded"),
    "of another gene it says nothing": (CPS, [{**measured("5"), "gene": "ERBB2"}], "unknown: not recorded"),
    "of a gene no list knows it says nothing": (CPS, [{**measured("5"), "gene": "XYZZY9"}], "unknown: not recorded"),
    "but it may be the one": (CPS, [{**measured("20"), "gene": "XYZZY9"}], "unknown: imprecise"),
    "a comparator leaves it open": (CPS, [measured("<50")], "unknown: imprecise"),
    "a comparator decides": (CPS, [measured("<5")], "not_met"),
    "no value": (CPS, [measured(None)], "unknown: not recorded"),
    "the later value counts": (CPS, [measured("20"), measured("5", date="2024-09-01")], "not_met"),
    "the later value counts, the other way": (CPS, [measured("5"), measured("20", date="2024-09-01")], "met"),
    "a later row without a value overtakes nothing": (CPS, [measured("20"), measured(None, date="2024-09-01")], "met"),
    "a later value on another scale overtakes nothing": (
        CPS, [measured("20"), measured("5", "TPS", date="2024-09-01")], "met"),
    "of two scales each must be measured": (
        "has biomarker(CD274, expression, scale: CPS or TPS, value: >= 10)", [measured("5")], "unknown: not recorded"),
    "and is": (
        "has biomarker(CD274, expression, scale: CPS or TPS, value: >= 10)",
        [measured("5"), measured("1", "TPS")], "not_met"),
    "any scale but one": (
        "has biomarker(CD274, expression, scale: not TPS, value: >= 10)", [measured("5")], "not_met"),
    "any scale but the one measured": (
        "has biomarker(CD274, expression, scale: not TPS, value: >= 10)", [measured("5", "TPS")], "unknown: not recorded"),
    "measured with another assay than asked for": (
        "has biomarker(CD274, expression, value: >= 10, assay: NGS)", [measured("5", assay="IHC")], "unknown: not recorded"),
    "measured with the assay asked for": (
        "has biomarker(CD274, expression, value: >= 10, assay: IHC)", [measured("5", assay="IHC")], "not_met"),
    "measured with an assay no list knows": (CPS, [measured("5", assay="22C3")], "not_met"),
    "measured in another specimen than asked for": (
        "has biomarker(CD274, expression, value: >= 10, specimen: blood)",
        [measured("5", specimen="tumour")], "unknown: not recorded"),
    "measured in any specimen but that one": (
        "has biomarker(CD274, expression, value: >= 10, specimen: not tumour)",
        [measured("5", specimen="tumour")], "unknown: not recorded"),
    "a remark of its significance takes nothing from a value": (CPS, [measured("5", significance="uncertain")], "not_met"),
    "a negative result without a value leaves the value open": (
        CPS, [gone("PD-L1", "expression")], "unknown: not recorded"),
    "on another scale it does not": (CPS, [gone("PD-L1", "expression", scale="TPS")], "unknown: not recorded"),
    "two values of one day conflict": (
        CPS, [measured("20", record_id="a"), measured("5", record_id="b")], "unknown: conflicting"),
    "two values of one day that agree on the limit": (
        CPS, [measured("20", record_id="a"), measured("30", record_id="b")], "met"),
}  # fmt: skip

CONFLICTS = {
    "one assay says yes and no on one day": (
        [marker("TP53", assay="NGS"), gone("TP53", assay="NGS", record_id="b")], "unknown: conflicting"),
    "an assay left out may be the same": (
        [marker("TP53", assay="NGS"), gone("TP53", record_id="b")], "unknown: conflicting"),
    "two assays may differ": ([marker("TP53", assay="NGS"), gone("TP53", assay="Sanger", record_id="b")], "met"),
    "two days may differ": ([marker("TP53"), gone("TP53", date="2024-09-01")], "met"),
    "two specimens may differ": (
        [marker("TP53", specimen="blood"), gone("TP53", specimen="tumour", record_id="b")], "met"),
    "two alterations are two questions": ([marker("TP53"), gone("TP53", "deletion")], "met"),
}  # fmt: skip

DENIALS = {
    "a negative gene": ("has biomarker(TP53, mutation)", [gone("TP53")], "not_met"),
    "one gene of two": ("has biomarker(BRCA1 or BRCA2, mutation)", [gone("BRCA1")], "unknown: not recorded"),
    "both genes": ("has biomarker(BRCA1 or BRCA2, mutation)", [gone("BRCA1"), gone("BRCA2")], "not_met"),
    "a negative family denies each member": ("has biomarker(NTRK1, fusion)", [gone("NTRK", "fusion")], "not_met"),
    "every member denied denies the family": (
        "has biomarker(NTRK, fusion)", [gone(name, "fusion") for name in ("NTRK1", "NTRK2", "NTRK3")], "not_met"),
    "one member of the family does not": (
        "has biomarker(NTRK, fusion)", [gone("NTRK1", "fusion")], "unknown: not recorded"),
    "a fusion test says nothing of mutations": (
        "has biomarker(NTRK1, mutation)", [gone("NTRK1", "fusion")], "unknown: not recorded"),
    "nor the reverse": ("has biomarker(NTRK1, fusion)", [gone("NTRK1")], "unknown: not recorded"),
    "an assay that can see it": ("has biomarker(NTRK1, fusion)", [gone("NTRK1", "fusion", assay="FISH")], "not_met"),
    "an assay that cannot": (
        "has biomarker(NTRK1, fusion)", [gone("NTRK1", "fusion", assay="Sanger")], "unknown: not recorded"),
    "an assay no list knows": (
        "has biomarker(NTRK1, fusion)", [gone("NTRK1", "fusion", assay="xyzzy")], "unknown: not recorded"),
    "the assay asked for was the one": (
        "has biomarker(NTRK1, fusion, assay: FISH)", [gone("NTRK1", "fusion", assay="FISH")], "not_met"),
    "another assay was asked for": (
        "has biomarker(NTRK1, fusion, assay: FISH)", [gone("NTRK1",
        "fusion", assay="RNA-seq")], "unknown: not recorded"),
    "an assay was asked for, none recorded": (
        "has biomarker(NTRK1, fusion, assay: FISH)", [gone("NTRK1", "fusion")], "unknown: not recorded"),
    "one variant is less than the gene": (
        "has biomarker(BRAF, mutation)", [gone("BRAF", variant="V600E")], "unknown: not recorded"),
    "the variant asked for": (BRAF_V600E, [gone("BRAF", variant="V600E")], "not_met"),
    "the gene holds the variant": (BRAF_V600E, [gone("BRAF")], "not_met"),
    "another variant denies nothing": (BRAF_V600E, [gone("BRAF", variant="V600K")], "unknown: not recorded"),
    "one exon is less than the gene": (
        "has biomarker(KIT, mutation)", [gone("KIT", exon="11")], "unknown: not recorded"),
    "the exon asked for": ('has biomarker(KIT, mutation, exon: "11")', [gone("KIT", exon="exon 11")], "not_met"),
    "one partner is less than any": (
        "has biomarker(NTRK3, fusion)", [gone("NTRK3", "fusion", partner_gene="ETV6")], "unknown: not recorded"),
    "the partner asked for": (
        "has biomarker(NTRK3, fusion, partner: ETV6)", [gone("NTRK3", "fusion", partner_gene="ETV6")], "not_met"),
    "any specimen where none is asked": ("has biomarker(TP53, mutation)", [gone("TP53", specimen="blood")], "not_met"),
    "the specimen asked for": (
        "has biomarker(TP53, mutation, specimen: blood)", [gone("TP53", specimen="blood")], "not_met"),
    "another specimen": (
        "has biomarker(TP53, mutation, specimen: blood)", [gone("TP53", specimen="tumour")], "unknown: not recorded"),
    "a specimen was asked for, none recorded": (
        "has biomarker(TP53, mutation, specimen: blood)", [gone("TP53")], "unknown: not recorded"),
    "germline denied": (f"{BRCA}, origin: germline)", [gone("BRCA1", origin="germline")], "not_met"),
    "the tumour says nothing of the germline": (
        f"{BRCA}, origin: germline)", [gone("BRCA1", origin="somatic")], "unknown: not recorded"),
    "a test of no origin says nothing of the germline": (
        f"{BRCA}, origin: germline)", [gone("BRCA1")], "unknown: not recorded"),
    "somatic denied": (f"{BRCA}, origin: somatic)", [gone("BRCA1", origin="somatic")], "not_met"),
    "the germline says nothing of the tumour": (
        f"{BRCA}, origin: somatic)", [gone("BRCA1", origin="germline")], "unknown: not recorded"),
    "nor where no origin is asked": (f"{BRCA})", [gone("BRCA1", origin="germline")], "unknown: not recorded"),
    "germline or somatic, one denied": (
        f"{BRCA}, origin: germline or somatic)", [gone("BRCA1", origin="somatic")], "unknown: not recorded"),
    "germline or somatic, both denied": (
        f"{BRCA}, origin: germline or somatic)",
        [gone("BRCA1", origin="somatic"), gone("BRCA1", origin="germline")], "not_met"),
    "not somatic, somatic denied": (
        f"{BRCA}, origin: not somatic)", [gone("BRCA1", origin="somatic")], "unknown: not recorded"),
    "not somatic, germline denied": (f"{BRCA}, origin: not somatic)", [gone("BRCA1", origin="germline")], "not_met"),
    "one assay or another, one denied": (
        "has biomarker(NTRK1, fusion, assay: FISH or NGS)", [gone("NTRK1", "fusion", assay="FISH")],
        "unknown: not recorded"),
    "one assay or another, both denied": (
        "has biomarker(NTRK1, fusion, assay: FISH or NGS)",
        [gone("NTRK1", "fusion", assay="FISH"), gone("NTRK1", "fusion", assay="NGS")], "not_met"),
    "not by the assay that denied it": (
        "has biomarker(NTRK1, fusion, assay: not FISH)", [gone("NTRK1", "fusion", assay="FISH")],
        "unknown: not recorded"),
    "not by another assay than denied it": (
        "has biomarker(NTRK1, fusion, assay: not NGS)", [gone("NTRK1", "fusion", assay="FISH")], "not_met"),
    "the rest of a family": (
        "has biomarker(BRCA, mutation, other than: BRCA1)", [gone("BRCA2")], "not_met"),
    "not of a family the one that was taken away": (
        "has biomarker(BRCA, mutation, other than: BRCA1)", [gone("BRCA1")], "unknown: not recorded"),
    "a gene and not another": ("has biomarker(TP53, mutation, other than: BRCA1)", [gone("TP53")], "not_met"),
    "a gene and not itself": ("has biomarker(TP53, mutation, other than: TP53)", [gone("TP53")], "not_met"),
    "a zygosity is less than any": (
        "has biomarker(TP53, mutation)", [gone("TP53", zygosity="homozygous")], "unknown: not recorded"),
    "a result without an alteration denies none": (
        "has biomarker(TP53, mutation)", [gone("TP53", None)], "unknown: not recorded"),
    "an indeterminate result denies nothing": (
        "no biomarker(TP53, mutation)", [marker("TP53", result="inconclusive")], "unknown: imprecise"),
    "mutation or deletion, both denied": (
        "has biomarker(RB1, alteration: mutation or deletion)", [gone("RB1"), gone("RB1", "deletion")], "not_met"),
    "mutation or deletion, one denied": (
        "has biomarker(RB1, alteration: mutation or deletion)", [gone("RB1")], "unknown: not recorded"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "rows", "expected"),
    [pytest.param(*row, id=name) for table in (POSITIVE, FIELDS, VALUES, DENIALS) for name, row in table.items()],
)
def test_the_rows_answer(rule, rows, expected):
    assert truth(rule, lms(biomarkers=rows)) == expected


@pytest.mark.parametrize("case", CONFLICTS)
def test_yes_and_no(case):
    rows, expected = CONFLICTS[case]
    assert truth("has biomarker(TP53, mutation)", lms(biomarkers=rows)) == expected


def covered(scope, through="2026-01-10"):
    return {"domain": "biomarkers", "scope": scope, "complete_through": through}


COVERAGE = {
    "all": ("has biomarker(NTRK1, fusion)", "all", "not_met"),
    "the gene": ("has biomarker(NTRK1, fusion)", "genes:NTRK1", "not_met"),
    "another gene": ("has biomarker(NTRK1, fusion)", "genes:TP53", "unknown: not recorded"),
    "the family holds the gene": ("has biomarker(NTRK1, fusion)", "genes:NTRK", "not_met"),
    "all members make the family": ("has biomarker(NTRK, fusion)", "genes:NTRK1|NTRK2|NTRK3", "not_met"),
    "two of three members do not": ("has biomarker(NTRK, fusion)", "genes:NTRK1|NTRK2", "unknown: not recorded"),
    "genes say nothing of any gene": ("has biomarker(any)", "genes:NTRK1", "unknown: not recorded"),
    "the alteration": ("has biomarker(NTRK1, fusion)", "alteration:fusion", "not_met"),
    "the alteration as a bare word": ("has biomarker(NTRK1, fusion)", "fusion", "not_met"),
    "another alteration": ("has biomarker(NTRK1, fusion)", "mutation", "unknown: not recorded"),
    "an assay that sees it": ("has biomarker(NTRK1, fusion)", "assay:FISH", "not_met"),
    "an assay that does not": ("has biomarker(NTRK1, fusion)", "assay:Sanger", "unknown: not recorded"),
    "an assay, of no alteration": ("has biomarker(NTRK1)", "assay:FISH", "unknown: not recorded"),
    "the assay asked for": ("has biomarker(NTRK1, fusion, assay: FISH)", "assay:FISH", "not_met"),
    "another than asked for": ("has biomarker(NTRK1, fusion, assay: FISH)", "assay:RNA-seq", "unknown: not recorded"),
    "one assay of two asked for": (
        "has biomarker(NTRK1, fusion, assay: FISH or RNA-seq)", "assay:FISH", "unknown: not recorded"),
    "an assay where another is asked for": (
        "has biomarker(NTRK1, fusion, assay: not FISH)", "assay:RNA-seq", "unknown: not recorded"),
    "everything where another assay is asked for": ("has biomarker(NTRK1, fusion, assay: not FISH)", "all", "not_met"),
    "all restrictions together": (
        "has biomarker(NTRK1, fusion)", "genes:NTRK1 alteration:fusion assay:FISH", "not_met"),
    "one restriction that fails": (
        "has biomarker(NTRK1, fusion)", "genes:NTRK1 alteration:mutation assay:FISH", "unknown: not recorded"),
}  # fmt: skip


@pytest.mark.parametrize("case", COVERAGE)
def test_a_scope_covers(case):
    rule, scope, expected = COVERAGE[case]
    assert truth(rule, lms(coverage=[covered(scope)])) == expected


def test_a_measured_value_says_its_unit_once():
    who = lms(biomarkers=[measured("50 %", "TPS", unit="%")])
    found = asked("has biomarker(CD274, expression, scale: TPS, value: >= 10)", who)
    assert "PD-L1 expression 50 %" in [item.value for item in found.evidence]


ASKED_FOR = {
    "has biomarker(any, fusion)": "any gene fusion: tested?",
    "has biomarker(any)": "any gene alteration: tested?",
    "has biomarker(any, mutation, other than: TP53)": "any gene other than TP53 mutation: tested?",
    "has biomarker(BRCA1 or BRCA2, mutation)": "BRCA1 or BRCA2 mutation: tested?",
}


@pytest.mark.parametrize("rule", ASKED_FOR)
def test_what_was_not_tested_is_asked_for(rule):
    (missing,) = asked(rule, lms()).missing
    assert missing.text == ASKED_FOR[rule]


def test_each_assay_of_several_is_covered():
    coverage = [covered("assay:FISH"), covered("assay:RNA-seq")]
    assert truth("has biomarker(NTRK1, fusion, assay: FISH or RNA-seq)", lms(coverage=coverage)) == "not_met"


def test_later_somatic_evidence_outweighs_an_earlier_denial():
    rows = [gone("TP53", date="2023-03-01"), marker("TP53", date="2024-03-01")]
    assert truth("has biomarker(TP53, mutation)", lms(biomarkers=rows)) == "met"


def test_a_marker_whose_name_may_be_two_genes_denies_neither():
    who = lms(biomarkers=[gone("TP53")])
    torn = replace(who, biomarkers=(replace(who.biomarkers[0], genes=("TP53", "RB1")),))
    assert truth("has biomarker(TP53, mutation)", torn) == "unknown: not recorded"
