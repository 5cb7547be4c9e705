"""What a request may say in its body: known fields only, and a choice is told with what may be chosen.

A field that is not read would answer with more than was asked for: `dryrun` would store, `trails` would match all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class Asked(serializers.Serializer[Any]):
    """A body whose every field is known. Raises ValidationError about each one that is not."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in set(data) - set(self.fields))
            if unknown:
                there_are = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {name: f"there is no such field; there are {there_are}" for name in unknown}
                )
        return super().to_internal_value(data)


class OneOf(serializers.ChoiceField):
    """A choice; a word that is none of them is answered with all of them."""

    def fail(self, key: str, **values: Any) -> Any:
        if key == "invalid_choice":
            there_are = ", ".join(str(choice) for choice in self.choices)
            raise serializers.ValidationError(
                f"{str(values['input'])[:80]!r} is none of {there_are}", code="invalid_choice"
            )
        return super().fail(key, **values)
