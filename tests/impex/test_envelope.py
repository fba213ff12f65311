import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest

from impex import envelope
from impex.envelope import read_body
from vo_server.errors import BadArgument, Refusal, TooMuch

Wrap = Callable[[str], bytes]


def test_body_elements_with_their_text(wrap: Wrap) -> None:
    (element,) = read_body(
        wrap("<a xmlns='urn:x'> one<!-- no -->two <?no?><b><![CDATA[<&]]> &amp; &#65;</b></a>")
    )
    assert (element.namespace, element.name, element.text) == ("urn:x", "a", "onetwo")
    assert [(child.name, child.text) for child in element.children] == [("b", "<& & A")]


@pytest.mark.parametrize(
    ("encoding", "charset", "declared"),
    [
        ("utf-8", "", ""),
        ("utf-8", "UTF-8", "iso-8859-1"),  # the transport's word comes before the document's
        ("utf-8-sig", "iso-8859-1", ""),  # a byte order mark comes before both
        ("utf-16", "", ""),
        ("utf-16", "utf-8", "UTF-8"),
        ("utf-16-le", "", "UTF-16"),
        ("utf-16-be", "", ""),
        ("utf-16-le", "utf-16le", ""),
        ("latin-1", "", "ISO-8859-1"),
        ("latin-1", "iso-8859-1", "UTF-8"),
        ("cp1252", "windows-1252", ""),
    ],
)
def test_charsets(wrap: Wrap, encoding: str, charset: str, declared: str) -> None:
    prolog = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    content = (prolog + wrap("<a>é</a>").decode()).encode(encoding)
    assert read_body(content, charset)[0].text == "é"


def _attributes(count: int, prefix: str) -> str:
    return " ".join(f'{prefix}{i}="urn:x"' for i in range(count))


@pytest.mark.parametrize(
    ("content", "charset", "words"),
    [
        ("", "", "empty"),
        (" \r\n", "", "empty"),
        ("hello", "", "not well-formed"),
        ("<a/>", "", "no SOAP 1.1 envelope"),
        ("<s:Envelope/>", "", "no SOAP 1.1 envelope"),
        ("<Envelope xmlns='{soap12}'><Body/></Envelope>", "", "SOAP 1.2"),
        ("<Envelope xmlns='{soap}'/>", "", "0 Body elements"),
        ("<Envelope xmlns='{soap}'><Body/><Body/></Envelope>", "", "2 Body elements"),
        ("<Envelope xmlns='{soap}'><Body> </Body></Envelope>", "", "Body of the envelope is empty"),
        ("<Envelope xmlns='{soap}'><Body><a></Body></Envelope>", "", "not well-formed"),
        ("<Envelope xmlns='{soap}'><Body><a>&b;</a></Body></Envelope>", "", "not well-formed"),
        ("<Envelope xmlns='{soap}'><Body><a>\0</a></Body></Envelope>", "", "not well-formed"),
        ("<Envelope xmlns='{soap}'><Body><a>", "", "not well-formed"),
        ("<!DOCTYPE a><a/>", "", "DOCTYPE"),
        ("<a/>", "rot13", "charset 'rot13' is not understood"),
        ("<a/>", "x\n" + "y" * 500, "charset"),
        ("<?xml version='1.0' encoding='klingon'?><a/>", "", "charset 'klingon'"),
        ("<a>é</a>", "us-ascii", "not in its charset ascii"),
    ],
)
def test_refusals_say_what_is_wrong(content: str, charset: str, words: str) -> None:
    names = {"soap": "http://schemas.xmlsoap.org/soap/envelope/"}
    names["soap12"] = "http://www.w3.org/2003/05/soap-envelope"
    for key, name in names.items():
        content = content.replace(f"{{{key}}}", name)
    with pytest.raises(BadArgument, match=words) as caught:
        read_body(content.encode(), charset)
    assert len(caught.value.message) < 200


_XSI = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<a><b href='#id0'/></a><multiRef id='id0'>x</multiRef>", "'b' refers to a value elsewh"),
        ("<a><b href='cid:part1'/></a>", "'b' refers to a value elsewhere"),
        (f"<a {_XSI}><b xsi:nil='true'>x</b></a>", "'b' is nil and has content"),
        (f"<a {_XSI}><b xsi:nil='1'><c/></b></a>", "'b' is nil and has content"),
    ],
)
def test_values_that_are_elsewhere_or_nil_with_content(
    wrap: Wrap, content: str, words: str
) -> None:
    with pytest.raises(BadArgument, match=words):
        read_body(wrap(content))


def test_nil_is_empty_and_headers_may_point_anywhere(wrap: Wrap) -> None:
    content = wrap(
        f"<a {_XSI}><b xsi:nil='true'> </b><c xsi:nil='false'>x</c><d xsi:nil='1'/></a>"
    ).replace(b"<s:Header/>", b"<s:Header><t href='#x'/></s:Header>")
    (element,) = read_body(content)
    assert [child.text for child in element.children] == ["", "x", ""]


def test_utf16_in_the_guise_of_utf8(wrap: Wrap) -> None:
    with pytest.raises(BadArgument, match=r"not well-formed|not in its charset"):
        read_body(wrap("<a>é</a>").decode().encode("utf-16-le"), "utf-8")


def test_utf16_of_plain_letters_in_the_guise_of_utf8(wrap: Wrap) -> None:
    with pytest.raises(BadArgument, match="not well-formed"):
        read_body(wrap("<a/>").decode().encode("utf-16-le"), "utf-8")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"<a {_attributes(20_000, 'a')}/>", "64 attributes"),
        ("<a>" * 33 + "</a>" * 33, "32 nested elements"),
        ("<a>" * 100_000, "32 nested elements"),
        ("<a/>" * 25_000, "20000 elements"),
    ],
)
def test_too_many_of_anything(wrap: Wrap, content: str, words: str) -> None:
    with pytest.raises(TooMuch, match=words):
        read_body(wrap(content))


def test_namespaces_cost_no_more_than_their_text(wrap: Wrap) -> None:
    (element,) = read_body(wrap(f"<a {_attributes(20_000, 'xmlns:a')}/>"))
    assert element.name == "a"


_LONG = "u" * 100_000
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHORT = " ".join(f"x:{letter}=''" for letter in _LETTERS)


@pytest.mark.parametrize(
    "content",
    [
        f"<x:a xmlns:x='{_LONG}'>{'<x:b/>' * 19_000}</x:a>",
        f"<a xmlns='{_LONG}'>{'<b/>' * 19_000}</a>",
        f"<a xmlns:x='{_LONG}'>{f'<b {_SHORT}/>' * 350}</a>",
        f"<a xmlns:x='{_LONG}' {_attributes(11_000, 'x:a')}/>",
        "".join(f"<a xmlns:x{i}='{_LONG[:8000]}'>" for i in range(25)) + "</a>" * 25,
    ],
)
def test_a_long_namespace_is_kept_once(
    wrap: Wrap, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many names are in it: no name is longer than it is written."""
    told = 0
    start = envelope._Builder.start

    def counted(self: envelope._Builder, tag: str, attributes: dict[str, str]) -> None:
        nonlocal told
        told += len(tag) + sum(map(len, attributes))
        start(self, tag, attributes)

    monkeypatch.setattr(envelope._Builder, "start", counted)
    request = wrap(content)
    tracemalloc.start()
    try:
        with suppress(TooMuch):
            read_body(request)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told < len(request)
    assert peak < 20_000_000


def test_prefixes_hold_inside_the_element_that_declares_them(wrap: Wrap) -> None:
    (element,) = read_body(
        wrap(
            "<p:a xmlns:p='urn:1' xmlns='urn:2'><b xmlns:p='urn:3'><p:c xmlns=''/></b><p:d/></p:a>"
        )
    )
    inner = element.children[0]
    assert [(e.namespace, e.name) for e in (element, *element.children, *inner.children)] == [
        ("urn:1", "a"), ("urn:2", "b"), ("urn:1", "d"), ("urn:3", "c"),
    ]  # fmt: skip
    (undeclared,) = read_body(wrap("<q:a/>"))
    assert (undeclared.namespace, undeclared.name) == ("", "q:a")


def test_the_first_element_of_the_body_may_be_refused_before_the_rest(wrap: Wrap) -> None:
    told: list[str] = []
    with pytest.raises(BadArgument, match="not well-formed"):
        read_body(wrap("<a><c/></a><b/><a>"), "", told.append)
    assert told == ["a"]

    def refuse(name: str) -> None:
        raise TooMuch(name)

    with pytest.raises(TooMuch, match=r"^a$"):
        read_body(wrap("<a><b>"), "", refuse)


def test_entity_bomb_ends_at_its_declaration(wrap: Wrap) -> None:
    names = "abcdefghijklmnop"
    bomb = "".join(f'<!ENTITY {b} "{f"&{a};" * 20}">' for a, b in pairwise(names))
    doctype = f'<!DOCTYPE x [<!ENTITY a "{"a" * 100}">{bomb}]>'
    with pytest.raises(BadArgument, match="DOCTYPE"):
        read_body(doctype.encode() + wrap("<x>&p;</x>"))


def test_external_entity_is_not_opened(wrap: Wrap) -> None:
    doctype = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    with pytest.raises(BadArgument, match="DOCTYPE"):
        read_body(doctype + wrap("<x>&a;</x>"))


@pytest.mark.parametrize("content", [b"\xff" * 1_000_000, b"a" * 1_000_000, b"<" * 1_000_000])
def test_a_megabyte_of_garbage(content: bytes) -> None:
    with pytest.raises(Refusal):
        read_body(content)
