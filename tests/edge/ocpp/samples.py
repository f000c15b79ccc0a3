"""Payloads made from the schemas themselves: the least that a schema allows, and arbitrary ones."""

import json
from importlib import resources
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]


def schema(name: str, package: str = "ocpp.v201") -> Schema:
    """A schema as the ``ocpp`` package ships it, such as ``HeartbeatRequest``."""
    text = (resources.files(package) / "schemas" / f"{name}.json").read_text(encoding="utf-8-sig")
    found: Schema = json.loads(text)
    return found


def least(part: Schema, root: Schema) -> Any:
    """The smallest value that fits: required fields, first of each enumeration, empty or zero."""
    part = _resolved(part, root)
    if "enum" in part:
        return part["enum"][0]
    kind = part["type"]
    if kind == "object":
        return {name: least(part["properties"][name], root) for name in part.get("required", ())}
    if kind == "array":
        return [least(part["items"], root)] * part.get("minItems", 0)
    return {"string": "", "integer": 0, "number": 0, "boolean": False}[kind]


def arbitrary(part: Schema, root: Schema) -> st.SearchStrategy[Any]:
    """Any value that fits, with any of the optional fields; numbers as large as the framework lets through."""
    part = _resolved(part, root)
    if "enum" in part:
        return st.sampled_from(part["enum"])
    if "type" not in part:
        return st.none() | st.integers(-(10**17), 10**17) | st.text() | st.dictionaries(st.text(), st.text())
    kind = part["type"]
    if kind == "object":
        fields = {name: arbitrary(inner, root) for name, inner in part["properties"].items()}
        required = part.get("required", ())
        return st.fixed_dictionaries(
            {name: fields[name] for name in required},
            optional={name: inner for name, inner in fields.items() if name not in required},
        )
    if kind == "array":
        return st.lists(arbitrary(part["items"], root), min_size=part.get("minItems", 0), max_size=2)
    if kind == "string":
        return st.text(max_size=min(part.get("maxLength", 40), 40))
    whole = st.integers(part.get("minimum", -(10**17)), part.get("maximum", 10**17))
    return {
        "integer": whole,
        "number": whole | st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
    }[kind]


def _resolved(part: Schema, root: Schema) -> Schema:
    if "$ref" in part:
        found: Schema = root["definitions"][part["$ref"].rsplit("/", 1)[1]]
        return found
    return part
