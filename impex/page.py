"""Page: what people see who open the address of a service in a browser."""

from collections.abc import Sequence
from typing import Any

from lxml import etree

from impex.dialect import Dialect, Operation, Parameter, Record
from impex.envelope import SOAP


def page(dialect: Dialect, address: str) -> bytes:
    """Give the HTML page of a dialect that is served at `address`."""
    html = etree.Element("html", lang="en")
    head = _add(html, "head")
    _add(head, "meta", charset="utf-8")
    _add(head, "title", dialect.title)
    body = _add(html, "body")
    _add(body, "h1", dialect.title)
    told = _add(body, "p", "A SOAP 1.1 service at ")
    _add(told, "code", address).tail = "; its description is "
    _add(told, "a", f"{address}.wsdl", href=f"{address}.wsdl").tail = "."
    for operation in dialect.operations:
        _add(body, "h2", operation.name)
        _add(body, "p", operation.note)
        _add_parameters(body, operation.request)
    alive = next(operation for operation in dialect.operations if not operation.request.members)
    _add(body, "h2", "How to call it")
    _add(body, "p", "From a shell:")
    _add(
        body,
        "pre",
        f"curl -H 'Content-Type: text/xml' --data '{_example(dialect, alive)}' {address}",
    )
    _add(body, "p", "From Python with zeep:")
    _add(body, "pre", f"zeep.Client('{address}.wsdl').service.{alive.name}()")
    return etree.tostring(
        html, method="html", doctype="<!DOCTYPE html>", encoding="UTF-8", pretty_print=True
    )


def rest_page(dialects: Sequence[Dialect], address: str, description: str) -> bytes:
    """Give the HTML page of the REST services below `address`; description: URL of theirs."""
    html = etree.Element("html", lang="en")
    head = _add(html, "head")
    _add(head, "meta", charset="utf-8")
    _add(head, "title", "IMPEx services over REST")
    body = _add(html, "body")
    _add(body, "h1", "IMPEx services over REST")
    told = _add(
        body, "p", "GET with a query, or POST a JSON object; answers are JSON. Described by "
    )
    _add(told, "a", description, href=description).tail = " (OpenAPI 3.1)."
    for dialect in dialects:
        _add(body, "h2", dialect.title)
        for operation in dialect.operations:
            url = f"{address}/{dialect.name}/{operation.name}"
            _add(body, "h3", operation.name)
            _add(body, "p", operation.note)
            _add(_add(body, "p"), "code", url)
            _add_parameters(body, Record("", tuple(operation.request.flat())))
    return etree.tostring(
        html, method="html", doctype="<!DOCTYPE html>", encoding="UTF-8", pretty_print=True
    )


def example_call(address: str, resource: str) -> str:
    """Give a few lines of Python that sample a resource, for people to copy."""
    return (
        "import zeep\n"
        f'client = zeep.Client("{address}?wsdl")\n'
        "url = client.service.getDataPointValue(\n"
        f'    ResourceID="{resource}",\n'
        '    url_XYZ="https://example.org/orbit.vot",   # a table with X, Y, Z\n'
        ")\n"
        "# url holds a VOTable: your columns, then the simulation's values along them"
    )


def _add_parameters(parent: Any, record: Record) -> None:
    """List the parameters of a record, and in each the parameters of its own."""
    if not record.members:
        return
    items = _add(parent, "ul")
    for parameter in record.members:
        item = _add(items, "li")
        _add(item, "code", parameter.name).tail = _said(parameter)
        if isinstance(parameter.type, Record):
            _add_parameters(item, parameter.type)


def _said(parameter: Parameter) -> str:
    kind = parameter.type
    values = "" if isinstance(kind, Record) else ", ".join(kind.values)
    words = (
        "" if parameter.least else "optional",
        "any number of times" if parameter.many else "",
        f"one of {values}" if values else "",
        f"default {parameter.fallback}" if parameter.fallback else "",
    )
    told = "; ".join(word for word in words if word)
    return f"{f' ({told})' if told else ''} {parameter.note}".rstrip()


def _example(dialect: Dialect, operation: Operation) -> str:
    """Give the envelope of a request without parameters."""
    envelope = _rooted(SOAP, "Envelope")
    _add(envelope, f"{{{SOAP}}}Body").append(_rooted(dialect.namespace, operation.element))
    return etree.tostring(envelope, encoding="unicode")


def _rooted(namespace: str, tag: str) -> Any:
    """Give an element whose namespace is the default one in it."""
    nsmap: Any = {None: namespace}
    return etree.Element(f"{{{namespace}}}{tag}", nsmap=nsmap)


def _add(parent: Any, tag: str, text: str = "", /, **attributes: str) -> Any:
    element = etree.SubElement(parent, tag, attributes)
    element.text = text or None
    return element
