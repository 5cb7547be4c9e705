"""What the patients of a sarcoma centre have, as tables: diseases with their sites, ages, spread and treatments.

The figures are chosen so that the registry looks like a registry. They describe no real patients and no real rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Days between the first doses of two cycles, where nothing else is said.
CYCLE = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Regimen:
    """A systemic treatment: its drugs, how long it usually goes on, and the dose of its first drug per cycle."""

    drugs: tuple[str, ...]
    cycles: tuple[int, int] = (2, 6)
    cycle: int = CYCLE
    dose: float | None = None
    dose_unit: str = "mg/m2"


REGIMENS: Mapping[str, Regimen] = {
    "dox": Regimen(drugs=("doxorubicin",), dose=75),
    "dox-ifo": Regimen(drugs=("doxorubicin", "ifosfamide"), dose=60),
    "dox-trab": Regimen(drugs=("doxorubicin", "trabectedin"), dose=60),
    "dox-dtic": Regimen(drugs=("doxorubicin", "dacarbazine"), dose=75),
    "pld": Regimen(drugs=("pegylated liposomal doxorubicin",), cycle=28, dose=40),
    "gem-doc": Regimen(drugs=("gemcitabine", "docetaxel"), dose=900),
    "gem": Regimen(drugs=("gemcitabine",), dose=1000),
    "dacarbazine": Regimen(drugs=("dacarbazine",), dose=1000),
    "trabectedin": Regimen(drugs=("trabectedin",), cycles=(2, 10), dose=1.5),
    "eribulin": Regimen(drugs=("eribulin",), dose=1.4),
    "pazopanib": Regimen(drugs=("pazopanib",), cycles=(2, 9), cycle=28, dose=800, dose_unit="mg/d"),
    "ifo": Regimen(drugs=("ifosfamide",), cycles=(2, 5), dose=9, dose_unit="g/m2"),
    "high-dose ifo": Regimen(drugs=("ifosfamide",), cycles=(2, 4), cycle=28, dose=14, dose_unit="g/m2"),
    "paclitaxel": Regimen(drugs=("paclitaxel",), cycles=(2, 6), cycle=28, dose=80),
    "imatinib": Regimen(drugs=("imatinib",), cycles=(6, 40), cycle=28, dose=400, dose_unit="mg/d"),
    "sunitinib": Regimen(drugs=("sunitinib",), cycles=(3, 14), cycle=28, dose=37.5, dose_unit="mg/d"),
    "regorafenib": Regimen(drugs=("regorafenib",), cycles=(2, 8), cycle=28, dose=160, dose_unit="mg/d"),
    "ripretinib": Regimen(drugs=("ripretinib",), cycles=(2, 8), cycle=28, dose=150, dose_unit="mg/d"),
    "vdc-ie": Regimen(
        drugs=("vincristine", "doxorubicin", "cyclophosphamide", "ifosfamide", "etoposide"), cycles=(8, 14), cycle=14
    ),
    "temozolomide-irinotecan": Regimen(drugs=("temozolomide", "irinotecan")),
    "map": Regimen(drugs=("methotrexate", "doxorubicin", "cisplatin"), cycles=(4, 6), cycle=35),
    "carbo-taxol": Regimen(drugs=("carboplatin", "paclitaxel"), cycles=(4, 6)),
    "pembro-lenva": Regimen(drugs=("pembrolizumab", "lenvatinib"), cycles=(3, 12)),
    "leuprolide": Regimen(drugs=("leuprolide",), cycles=(4, 12), cycle=90),
    "abiraterone": Regimen(drugs=("abiraterone",), cycles=(4, 14), cycle=28, dose=1000, dose_unit="mg/d"),
    "docetaxel": Regimen(drugs=("docetaxel",), cycles=(3, 8), dose=75),
    "ac": Regimen(drugs=("doxorubicin", "cyclophosphamide"), cycles=(4, 4), dose=60),
    "letrozole-palbociclib": Regimen(drugs=("letrozole", "palbociclib"), cycles=(5, 20), cycle=28),
    "platinum-pemetrexed": Regimen(drugs=("cisplatin", "pemetrexed"), cycles=(4, 6)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disease:
    """A tumour with where it sits, whom it takes, how it spreads and what is given for it, line by line."""

    names: tuple[str, ...]
    count: int
    sites: tuple[str, ...]
    morphology: str = ""
    female: float = 0.5
    ages: tuple[int, int] = (32, 82)
    grades: tuple[str, ...] = ("2", "3")
    organs: tuple[str, ...] = ("lung",)
    operations: tuple[str, ...] = ("wide excision",)
    perioperative: tuple[str, ...] = ()
    lines: tuple[tuple[str, ...], ...] = ()
    irradiated: float = 0.3


_LMS_LINES = (
    ("dox", "dox", "dox", "dox-dtic", "dox-trab", "gem-doc", "pld"),
    ("gem-doc", "trabectedin", "trabectedin", "pazopanib", "gem"),
    ("pazopanib", "dacarbazine", "eribulin", "gem"),
    ("ifo", "dacarbazine", "pazopanib"),
)
_STS_LINES = (
    ("dox", "dox", "dox-ifo"),
    ("pazopanib", "gem-doc", "trabectedin"),
    ("eribulin", "ifo", "pazopanib"),
    ("dacarbazine",),
)

DISEASES: tuple[Disease, ...] = (
    Disease(
        names=("uterine leiomyosarcoma", "leiomyosarcoma", "leiomyosarcoma", "uLMS"), count=44, sites=("uterus",),
        morphology="8890/3", female=1, ages=(38, 76), organs=("lung", "liver", "peritoneum", "bone"),
        operations=("hysterectomy",), perioperative=("dox", "gem-doc"), lines=_LMS_LINES, irradiated=0.1,
    ),
    Disease(
        names=("leiomyosarcoma", "LMS", "leiomyosarcome"), count=23, sites=("retroperitoneum",), morphology="8890/3",
        female=0.6, organs=("liver", "lung", "peritoneum"), operations=("wide excision", "laparotomy"),
        perioperative=("dox-dtic",), lines=_LMS_LINES, irradiated=0.2,
    ),
    Disease(
        names=("leiomyosarcoma", "LMS"), count=18, sites=("thigh soft tissue", "soft tissue of upper limb"),
        morphology="8890/3", organs=("lung", "liver"), operations=("limb-sparing surgery", "wide excision"),
        perioperative=("dox-ifo",), lines=_LMS_LINES, irradiated=0.7,
    ),
    Disease(
        names=("leiomyosarcoma", "leiomyosarcoma of bone"), count=4, sites=("tibia", "humerus", "pelvic bone"),
        morphology="8890/3", organs=("lung", "bone"), perioperative=("dox-ifo",), lines=_LMS_LINES,
    ),
    Disease(
        names=("cutaneous leiomyosarcoma", "leiomyosarcoma"), count=6, sites=("skin",), morphology="8890/3",
        grades=("1", "2"), lines=_LMS_LINES,
    ),
    Disease(
        names=("leiomyosarcoma",), count=4, sites=("inferior vena cava",), morphology="8890/3", female=0.7,
        organs=("liver", "lung"), lines=_LMS_LINES, irradiated=0.2,
    ),
    Disease(
        names=("undifferentiated pleomorphic sarcoma", "UPS", "malignant fibrous histiocytoma"), count=16,
        sites=("thigh soft tissue", "soft tissue of upper limb", "chest wall"), morphology="8802/3", grades=("3",),
        perioperative=("dox-ifo",), lines=_STS_LINES, irradiated=0.6,
    ),
    Disease(
        names=("dedifferentiated liposarcoma",), count=13, sites=("retroperitoneum",), morphology="8858/3",
        organs=("liver", "lung", "peritoneum"), operations=("wide excision", "laparotomy"), lines=_STS_LINES,
        irradiated=0.2,
    ),
    Disease(
        names=("well differentiated liposarcoma",), count=5, sites=("retroperitoneum", "thigh soft tissue"),
        morphology="8851/3", grades=("1",), lines=_STS_LINES,
    ),
    Disease(
        names=("myxoid liposarcoma",), count=9, sites=("thigh soft tissue",), morphology="8852/3", ages=(25, 65),
        organs=("bone", "lung"), perioperative=("dox-ifo",), lines=_STS_LINES, irradiated=0.7,
    ),
    Disease(
        names=("synovial sarcoma",), count=11, sites=("thigh soft tissue", "soft tissue of upper limb"),
        morphology="9040/3", ages=(17, 60), grades=("3",), perioperative=("dox-ifo",),
        lines=(("dox-ifo", "dox"), ("pazopanib", "high-dose ifo"), ("trabectedin",), ("gem-doc",)), irradiated=0.6,
    ),
    Disease(
        names=("malignant peripheral nerve sheath tumor", "MPNST"), count=7, sites=("thigh soft tissue", "chest wall"),
        morphology="9540/3", ages=(19, 70), lines=_STS_LINES, irradiated=0.6,
    ),
    Disease(
        names=("gastrointestinal stromal tumor", "GIST"), count=11, sites=("stomach", "small intestine"),
        morphology="8936/3", organs=("liver", "peritoneum"), operations=("laparotomy",), grades=("",),
        lines=(("imatinib",), ("sunitinib",), ("regorafenib",), ("ripretinib",)), irradiated=0,
    ),
    Disease(
        names=("Ewing sarcoma",), count=8, sites=("femur", "pelvic bone", "chest wall"), morphology="9260/3",
        ages=(14, 45), grades=("",), organs=("lung", "bone"), perioperative=("vdc-ie",),
        lines=(("vdc-ie",), ("temozolomide-irinotecan",), ("high-dose ifo",)), irradiated=0.6,
    ),
    Disease(
        names=("osteosarcoma",), count=8, sites=("femur", "tibia", "humerus"), morphology="9180/3", ages=(13, 60),
        grades=("3",), perioperative=("map",), lines=(("map", "dox-ifo"), ("high-dose ifo",), ("regorafenib",)),
    ),
    Disease(
        names=("myxofibrosarcoma",), count=5, sites=("thigh soft tissue", "soft tissue of upper limb"),
        morphology="8811/3", lines=_STS_LINES, irradiated=0.6,
    ),
    Disease(
        names=("angiosarcoma",), count=5, sites=("skin", "breast", "liver"), morphology="9120/3", grades=("3",),
        organs=("lung", "liver"), lines=(("paclitaxel", "pld"), ("dox", "pazopanib"), ("gem",)),
    ),
    Disease(
        names=("solitary fibrous tumor",), count=4, sites=("chest wall", "retroperitoneum"), morphology="8815/3",
        grades=("1", "2"), lines=(("pazopanib",), ("trabectedin", "dox"), ("dacarbazine",)),
    ),
    Disease(
        names=("endometrial adenocarcinoma",), count=4, sites=("endometrium",), female=1, ages=(52, 78),
        organs=("lung", "lymph node"), operations=("hysterectomy",), lines=(("carbo-taxol",), ("pembro-lenva",)),
    ),
    Disease(
        names=("prostate adenocarcinoma",), count=4, sites=("prostate",), female=0, ages=(58, 82), grades=("",),
        organs=("bone",), operations=("prostatectomy",), lines=(("leuprolide",), ("abiraterone",), ("docetaxel",)),
    ),
    Disease(
        names=("triple negative breast cancer", "invasive ductal carcinoma"), count=4, sites=("breast",), female=1,
        organs=("bone", "liver"), operations=("mastectomy",), perioperative=("ac",),
        lines=(("letrozole-palbociclib", "paclitaxel"), ("docetaxel",)),
    ),
    Disease(
        names=("high grade serous ovarian carcinoma",), count=3, sites=("ovary",), female=1, ages=(45, 75),
        organs=("peritoneum",), operations=("debulking surgery",), lines=(("carbo-taxol",), ("pld",)), irradiated=0,
    ),
    Disease(
        names=("lung adenocarcinoma",), count=3, sites=("lung",), organs=("bone", "brain"), grades=("",),
        lines=(("platinum-pemetrexed",), ("docetaxel",)),
    ),
)  # fmt: skip

#: Other ways in which sources write a drug, a combination or a code name; most are known to the vocabulary.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "doxorubicin": ("Adriamycin", "Doxorubicin HCl", "doxorubicine", "ADRIAMYCIN"),
    "pegylated liposomal doxorubicin": ("Caelyx", "liposomal doxorubicin"),
    "gemcitabine": ("Gemzar", "gemcitabin"),
    "docetaxel": ("Taxotere",),
    "ifosfamide": ("Holoxan",),
    "dacarbazine": ("DTIC",),
    "trabectedin": ("Yondelis", "ET-743"),
    "pazopanib": ("Votrient", "GW786034"),
    "eribulin": ("Halaven",),
    "imatinib": ("Glivec", "STI571"),
    "regorafenib": ("Stivarga",),
    "abiraterone": ("Zytiga",),
    "pembrolizumab": ("Keytruda",),
    "lenvatinib": ("Lenvima",),
    "doxorubicin + ifosfamide": ("AIM", "doxorubicin/ifosfamide"),
    "gemcitabine + docetaxel": ("gemcitabine/docetaxel", "GemTax", "gem-tax"),
    "carboplatin + paclitaxel": ("carbo-taxol",),
    "methotrexate + doxorubicin + cisplatin": ("MAP",),
    "vincristine + doxorubicin + cyclophosphamide + ifosfamide + etoposide": ("VDC/IE",),
}

#: Words of the sources that no vocabulary should know; a person has to say what they mean.
UNKNOWN_DRUGS = ("doxorubcin", "pazopnib", "XR-17", "board cocktail 2", "mistletoe", "second-line chemo, outside")

COMORBIDITIES: tuple[str, ...] = (
    "hypertension", "type 2 diabetes mellitus", "hypothyroidism", "atrial fibrillation", "depression", "asthma",
    "COPD", "chronic kidney disease", "osteoporosis", "hyperlipidemia", "deep vein thrombosis", "pulmonary embolism",
    "obesity", "rheumatoid arthritis",
)  # fmt: skip

MEDICATIONS: tuple[tuple[str, str], ...] = (
    ("amlodipine", "hypertension"), ("ramipril", "hypertension"), ("bisoprolol", "hypertension"),
    ("levothyroxine", "hypothyroidism"), ("metformin", "diabetes mellitus"), ("pantoprazole", ""),
    ("omeprazole", ""), ("morphine", "pain"), ("apixaban", "deep vein thrombosis"), ("enoxaparin", ""),
    ("atorvastatin", "hyperlipidemia"), ("sertraline", "depression"), ("prednisone", ""), ("dexamethasone", ""),
    ("denosumab", "bone metastasis"), ("diltiazem", "atrial fibrillation"), ("ondansetron", "nausea"),
)  # fmt: skip

#: Co-medications that change the exposure to trabectedin, pazopanib and others.
CYP3A_DRUGS = ("clarithromycin", "itraconazole", "ketoconazole", "rifampicin", "carbamazepine", "verapamil")

TOXICITIES: tuple[str, ...] = (
    "neutropenia", "fatigue", "peripheral neuropathy", "hand-foot syndrome", "ALT increased", "mucositis", "anemia",
    "alopecia",
)  # fmt: skip
