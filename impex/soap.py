"""SOAP: request bytes in, reply bytes out, for one dialect; the only place that knows spyne.

What a client sent is parsed and brought into the dialect's own shape first, so spyne, which
turns it into Python values and the answer into an envelope, never sees a byte from outside.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from lxml import etree

from impex.dialect import Dialect, Operation, Parameter, Record, Reply
from impex.envelope import SOAP, read_body
from impex.message import Request, Values, operation_of, read_request
from impex.spyne_import import importing_spyne
from schemas.simple_type import STRING, SimpleType
from vo_server.errors import BadArgument, TooMuch

with importing_spyne():
    from spyne import Application, MethodContext, ServiceBase, rpc
    from spyne.model import AnyUri, Boolean, ComplexModel, Double, Integer, Unicode
    from spyne.model.complex import TypeInfo
    from spyne.protocol.soap import Soap11
    from spyne.server import ServerBase

# Gives the answer to the typed values of a request; optional ones that are absent are None. An
# answer that is a whole VOTable is given as its bytes.
Handler = Callable[[Mapping[str, Any]], object]

# Built-in types of XML Schema to spyne's; every other is text.
_SPYNE = {
    "anyURI": AnyUri,
    "boolean": Boolean,
    "double": Double,
    "float": Double,
    "positiveInteger": Integer(ge=1),
}
# Lists are text to spyne; their items become numbers here.
_ITEMS: dict[str, Callable[[str], object]] = {"float": float, "double": float}


class SoapService:
    """The operations of a dialect, each with the handler that answers it, by operation name."""

    def __init__(self, dialect: Dialect, handlers: Mapping[str, Handler]) -> None:
        self._dialect = dialect
        methods = {o.name: _method(o, handlers[o.does]) for o in dialect.operations}
        application = Application(
            [type(dialect.service, (ServiceBase,), methods)],
            tns=dialect.namespace,
            name=dialect.service,
            in_protocol=_Tree(validator="soft"),
            out_protocol=Soap11(),
        )
        prefixes = {"SOAP-ENV": SOAP, dialect.prefix: dialect.namespace}
        interface = application.interface
        interface.nsmap = prefixes
        interface.prefmap = {namespace: prefix for prefix, namespace in prefixes.items()}
        self._server = ServerBase(application)

    def answer(self, content: bytes, charset: str, action: str) -> bytes:
        """Answer one request; raises what `read` and `reply` raise."""
        return self.reply(self.read(content, charset, action))

    def read(self, content: bytes, charset: str, action: str) -> Request:
        """Read one request.

        charset: as the transport says, "" where it does not; action: the SOAPAction. Raises the
        Refusal of whatever is wrong with the request.
        """

        def admit(name: str) -> None:
            operation = operation_of(self._dialect, name, action)
            if len(content) > operation.limit:
                raise TooMuch(
                    f"the request has {len(content)} bytes; the limit of {operation.name} is "
                    f"{operation.limit} bytes"
                )

        body = read_body(content, charset, admit)
        return read_request(self._dialect, body, action)

    def reply(self, request: Request) -> bytes:
        """Give the envelope that answers a request; raises what the handler raises."""
        return self._run(request, _Call())

    def value(self, request: Request) -> object:
        """Give what the handler answers, without an envelope; raises what it raises."""
        call = _Call()
        self._run(request, call)
        return call.result

    def _run(self, request: Request, call: "_Call") -> bytes:
        context = MethodContext(self._server, MethodContext.SERVER)
        context.udc = call
        context.in_document = _envelope(self._dialect.namespace, request)
        try:
            (context,) = self._server.generate_contexts(context)
            self._server.get_in_object(context)
            if context.in_error is not None:
                raise BadArgument(f"{request.operation.name}: a value does not fit its type")
            self._server.get_out_object(context)
            if call.error is not None:
                raise call.error
            reply = request.operation.reply
            if reply.type is None:
                return _around(etree.fromstring(context.out_object[0]))
            if isinstance(reply.type, Record):
                return _around(_reply(self._dialect, reply, context.out_object[0]))
            self._server.get_out_string(context)
            return b"".join(context.out_string)
        finally:
            context.close()


class _Call:
    """One request on its way through spyne, which would log and swallow what a handler raises."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.result: object = None

    def run(self, handler: Handler, values: Mapping[str, Any]) -> object:
        """Give the handler's answer; what it raises is kept."""
        try:
            self.result = handler(values)
        except Exception as err:  # noqa: BLE001  # raised again behind spyne
            self.error = err
        return self.result


class _Tree(Soap11):  # type: ignore[misc]  # spyne is untyped
    """Soap11 that is given the envelope as a tree."""

    def create_in_document(self, ctx: Any, charset: str | None = None) -> None:
        """Take the tree as it is, without resolving references inside it."""
        ctx.in_document = (ctx.in_document, None)


def _method(operation: Operation, handler: Handler) -> Any:
    """Declare an operation to spyne."""
    kind = operation.reply.type
    names = {
        "_in_message_name": operation.name,
        "_out_message_name": operation.reply.element,
        "_returns": _primitive(kind if isinstance(kind, SimpleType) else STRING),
    }

    def empty(context: Any) -> object:
        return context.udc.run(handler, {})

    def full(context: Any, message: Any) -> object:
        return context.udc.run(handler, _typed(message, operation.request))

    empty.__name__ = full.__name__ = operation.name  # by which spyne tells methods apart
    if not operation.request.members:
        return rpc(_body_style="out_bare", **names)(empty)
    return rpc(_model(operation.request), _body_style="bare", **names)(full)


@cache
def _model(record: Record) -> Any:
    """Declare a record to spyne, once, since operations may share it."""
    members = TypeInfo((parameter.name, _member(parameter)) for parameter in record.flat())
    return ComplexModel.produce("impex", record.name, members)


def _member(parameter: Parameter) -> Any:
    kind = parameter.type
    declared = _model(kind) if isinstance(kind, Record) else _primitive(kind)
    most = "unbounded" if parameter.most is None else parameter.most
    return declared.customize(min_occurs=parameter.least, max_occurs=most)


def _primitive(kind: SimpleType) -> Any:
    return Unicode if kind.is_list else _SPYNE.get(kind.root, Unicode)


def _envelope(namespace: str, request: Request) -> Any:
    """Build the envelope that spyne reads; every element is one of the dialect's table."""
    envelope = etree.Element(f"{{{SOAP}}}Envelope")
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    operation = etree.SubElement(body, f"{{{namespace}}}{request.operation.name}")
    _fill(operation, request.values)
    return envelope


def _reply(dialect: Dialect, reply: Reply, values: Mapping[str, Any]) -> Any:
    """Give the element of an answer that is a record; values: by name, lists where it has many."""
    nsmap = {dialect.prefix: dialect.namespace}
    element = etree.Element(f"{{{dialect.namespace}}}{reply.element}", nsmap=nsmap)
    assert isinstance(reply.type, Record)
    _put(element, reply.type, values, dialect.namespace)
    return element


def _put(parent: Any, record: Record, values: Mapping[str, Any], namespace: str) -> None:
    for member in record.members:
        value = values.get(member.name)
        for item in value if isinstance(value, list | tuple) else [value]:
            if item is None:
                continue
            tag = f"{{{namespace}}}{member.name}" if member.ref else member.name
            element = etree.SubElement(parent, tag)
            if isinstance(member.type, Record):
                _put(element, member.type, item, namespace)
            else:
                element.text = str(item).lower() if isinstance(item, bool) else str(item)


def _around(content: Any) -> bytes:
    """Put an element of the node's own into an envelope."""
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"SOAP-ENV": SOAP})
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    body.append(content)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def _fill(parent: Any, values: Values) -> None:
    for name, value in values.items():
        if isinstance(value, list):
            for record in value:
                _fill(etree.SubElement(parent, name), record)
        else:
            text = value if isinstance(value, str) else " ".join(value)
            etree.SubElement(parent, name).text = text


def _typed(message: Any, record: Record) -> dict[str, Any]:
    """Give the values of a message by name, every parameter of the record among them."""
    values: dict[str, Any] = {}
    for parameter in record.flat():
        kind, value = parameter.type, getattr(message, parameter.name)
        if isinstance(kind, Record):
            members = value if parameter.many else [value]
            value = [_typed(member, kind) for member in members or () if member is not None]
        elif kind.is_list:
            item = _ITEMS.get(kind.root, str)
            value = tuple(item(text) for text in (value or "").split())
        values[parameter.name] = value
    return values
