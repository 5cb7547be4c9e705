"""Units and conversions, always for a named test: mg/dL becomes µmol/L only where the analyte is known.

Units of one dimension convert by their factors; between mass and substance concentration (or a percentage and
mmol/mol) only an analyte's own row converts. An alias means a unit only within the dimensions its test can have, so
that `G/L` is 10*9/L for platelets and g/L for haemoglobin.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from patients.vocabulary import tables
from patients.vocabulary.concepts import Test


@dataclass(frozen=True, slots=True)
class _Unit:
    ucum: str
    dimension: str
    factor: float  # to the dimension's base unit


@dataclass(frozen=True, slots=True)
class _Bridge:
    """value in the canonical unit = value in `unit` * factor + offset."""

    unit: _Unit
    factor: float
    offset: float


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹]+")


def _alias(text: str) -> str:
    """The comparison form of a written unit: no spaces, case, or signs of multiplication; micro is u."""
    plain = _RAISED.sub(lambda raised: "^" + raised.group().translate(_SUPERSCRIPTS), text.strip())
    plain = plain.replace("µ", "u").replace("μ", "u").replace("×", "x")
    plain = unicodedata.normalize("NFKC", plain).casefold()
    plain = plain.replace("mcg", "ug").replace("mcmol", "umol").replace("mcl", "ul").replace("mckat", "ukat")
    plain = re.sub(r"[\s·]+", "", plain).replace("**", "^")
    plain = re.sub(r"^(?:x|\*)?10(?:\^|\*|e|exp|\()\+?(\d{1,2})\)?(?=[/a-z])", r"10*\1", plain)
    return plain.replace("[", "").replace("]", "")


class Units:
    """The unit tables, indexed; answers for one test at a time."""

    def __init__(self, tests: Mapping[str, Test]) -> None:
        self._units: dict[str, _Unit] = {}
        self._aliases: dict[tuple[str, str], _Unit] = {}
        for row in tables.rows("units"):
            unit = _Unit(row["unit"], row["dimension"], float(row["factor"]))
            self._units[unit.ucum] = unit
            for name in (unit.ucum, *tables.listed(row["aliases"])):
                self._aliases[(_alias(name), unit.dimension)] = unit
        self._tests = tests
        self._bridges: dict[str, list[_Bridge]] = {}
        for row in tables.rows("conversions"):
            bridge = _Bridge(self._units[row["unit"]], float(row["factor"]), float(row["offset"] or 0))
            self._bridges.setdefault(row["test"], []).append(bridge)
        self._valid: dict[str, tuple[str, ...]] = {}

    def __contains__(self, ucum: str) -> bool:
        return ucum in self._units

    def dimension(self, ucum: str) -> str | None:
        """The dimension of a canonical unit."""
        unit = self._units.get(ucum)
        return unit.dimension if unit else None

    def dimensions(self, test: Test) -> tuple[str, ...]:
        """The dimensions in which values of a test can be given, its canonical one first."""
        found = self._valid.get(test.id)
        if found is None:
            own = self._units[test.unit].dimension
            found = (
                own,
                *dict.fromkeys(b.unit.dimension for b in self._bridges.get(test.id, ()) if b.unit.dimension != own),
            )
            self._valid[test.id] = found
        return found

    def spelled(self, text: str, test: Test) -> str | None:
        """The canonical spelling of a unit as written, if the test can have it."""
        unit = self._resolve(text, test)
        return unit.ucum if unit else None

    def for_test(self, test: Test) -> Iterable[str]:
        """Every canonical unit a value of the test may have."""
        allowed = self.dimensions(test)
        return [unit.ucum for unit in self._units.values() if unit.dimension in allowed]

    def convert(self, value: float, test: Test, text: str | None) -> float | None:
        """The value in the test's canonical unit; None where the unit is missing or is none of this test's."""
        if text is None or not text.strip():
            return value if test.unit_optional else None
        unit = self._resolve(text, test)
        if unit is None:
            return None
        own = self._units[test.unit]
        if unit is own:
            return value
        if unit.dimension == own.dimension:
            return _scaled(value, unit.factor, own.factor)
        for bridge in self._bridges.get(test.id, ()):
            if bridge.unit.dimension == unit.dimension:
                return _scaled(value, unit.factor, bridge.unit.factor) * bridge.factor + bridge.offset
        return None

    def _resolve(self, text: str, test: Test) -> _Unit | None:
        written = _alias(text)
        for dimension in self.dimensions(test):
            unit = self._aliases.get((written, dimension))
            if unit is not None:
                return unit
        return None


def _scaled(value: float, from_factor: float, to_factor: float) -> float:
    # Dividing by the whole inverse keeps 1500 /uL exactly 1.5 10*9/L, where multiplying by 0.001 would not.
    if from_factor == to_factor:
        return value
    ratio = from_factor / to_factor
    if ratio < 1:
        inverse = to_factor / from_factor
        if abs(inverse - round(inverse)) < 1e-9 * inverse:
            return value / round(inverse)
    elif abs(ratio - round(ratio)) < 1e-9 * ratio:
        return value * round(ratio)
    return value * ratio
