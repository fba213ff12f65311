"""OpenAPI: the description of the REST services, made from the dialects' tables."""

from collections.abc import Iterator, Sequence
from typing import Any

from impex.dialect import Dialect, Operation, Parameter, Record
from schemas.simple_type import SimpleType

_TYPES: dict[str, dict[str, Any]] = {
    "anyURI": {"type": "string", "format": "uri"},
    "boolean": {"type": "boolean"},
    "dateTime": {"type": "string", "format": "date-time"},
    "double": {"type": "number"},
    "duration": {"type": "string", "format": "duration"},
    "float": {"type": "number"},
    "positiveInteger": {"type": "integer", "minimum": 1},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message"],
            "properties": {
                "message": {"type": "string"},
                "argument": {"type": ["string", "null"]},
            },
        }
    },
}
_REFUSED = {
    "400": "The request makes no sense; the message says what to change.",
    "404": "There is no such resource, parameter or operation.",
    "413": "The request goes beyond a limit of this node, which is named.",
    "500": "The node failed; the message has an id that is in its log.",
    "502": "A URL of the request could not be read.",
}


def openapi(dialects: Sequence[Dialect], address: str, version: str) -> dict[str, Any]:
    """Give the OpenAPI 3.1 description of the services below `address`."""
    paths = {
        f"/{dialect.name}/{operation.name}": _path(dialect, operation)
        for dialect in dialects
        for operation in dialect.operations
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "IMPEx services", "version": version},
        "servers": [{"url": address}],
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}},
    }


def _path(dialect: Dialect, operation: Operation) -> dict[str, Any]:
    flat = [p for p in operation.request.flat() if isinstance(p.type, SimpleType)]
    common = {
        "summary": operation.note,
        "tags": [dialect.name],
        "responses": dict(_responses(operation)),
    }
    body = {"required": True, "content": {"application/json": {"schema": _object(operation)}}}
    path: dict[str, Any] = {
        "post": {
            **common,
            "operationId": f"{dialect.name}_{operation.name}_post",
            "requestBody": body,
        }
    }
    if not any(parameter.many for parameter in operation.request.flat()):
        path["get"] = {
            **common,
            "operationId": f"{dialect.name}_{operation.name}",
            "parameters": [
                {
                    "name": parameter.name,
                    "in": "query",
                    "required": parameter.least > 0,
                    "description": parameter.note,
                    "style": "form",
                    "explode": False,
                    "schema": _schema(parameter),
                }
                for parameter in flat
            ]
            + [
                {
                    "name": member.name,
                    "in": "query",
                    "required": False,
                    "description": member.note,
                    "style": "deepObject",
                    "explode": True,
                    "schema": _schema(member),
                }
                for _, member in operation.inner().values()
            ],
        }
    return path


def _object(operation: Operation) -> dict[str, Any]:
    return _record(list(operation.request.flat()))


def _record(members: Sequence[Parameter]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [member.name for member in members if member.least],
        "properties": {member.name: _schema(member) for member in members},
    }


def _schema(parameter: Parameter) -> dict[str, Any]:
    """Give the JSON Schema of a parameter."""
    kind = parameter.type
    if isinstance(kind, Record):
        one = _record(list(kind.flat()))
        if parameter.many:
            return {"type": "array", "items": one, "maxItems": parameter.limit}
        return one
    item: dict[str, Any] = dict(_TYPES.get(kind.root, {"type": "string"}))
    if kind.single.values:
        known = {"enum": list(kind.single.values)}
        item |= {"examples": known["enum"]} if parameter.open else known
    if not kind.is_list:
        return item | ({"default": parameter.fallback} if _plain(parameter, item) else {})
    bounds = {"minItems": parameter.count, "maxItems": parameter.count} if parameter.count else {}
    return {"type": "array", "items": item, **bounds}


def _plain(parameter: Parameter, item: dict[str, Any]) -> bool:
    """Tell whether a parameter's default is text as it stands."""
    return bool(parameter.fallback) and item["type"] == "string"


def _responses(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    reply = operation.reply
    if reply.type is None:
        content: dict[str, Any] = {"application/x-votable+xml": {"schema": {"type": "string"}}}
    else:
        known = reply.element == "json_string" or isinstance(reply.type, Record)
        kind = reply.type.root if isinstance(reply.type, SimpleType) else ""
        result = {"type": "object"} if known else _TYPES.get(kind, {"type": "string"})
        schema = {"type": "object", "required": ["result"], "properties": {"result": result}}
        content = {"application/json": {"schema": schema}}
    yield "200", {"description": "The answer.", "content": content}
    for status, told in _REFUSED.items():
        schema = {"$ref": "#/components/schemas/Error"}
        yield status, {"description": told, "content": {"application/json": {"schema": schema}}}
