"""The XML door lets plain XML in and keeps bombs, entities and foreign files out."""

from __future__ import annotations

import time

import pytest

from mahnwerk.formats import xml_door

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{"&a;" if n == 0 else f"&a{n - 1};" * 10}">' for n in range(10))
    + "]><b>&a9;</b>"
)
FOREIGN = '<!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/hostname">]><b>&x;</b>'


def test_plain_xml_comes_in_without_comments() -> None:
    root = xml_door.parse('<?xml version="1.0" encoding="UTF-8"?><a><!-- no --><b>Müller</b></a>'.encode())
    assert [child.tag for child in root] == ["b"]
    assert root.findtext("b") == "Müller"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", [BOMB, FOREIGN, "<!doctype html><html/>"], ids=["bomb", "foreign", "html"])
def test_every_document_type_is_refused_in_every_encoding(text: str, encoding: str) -> None:
    began = time.perf_counter()
    with pytest.raises(xml_door.XmlRefused):
        xml_door.parse(text.encode(encoding))
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"<a>", "not well-formed"),
        (b"<a>&unknown;</a>", "not well-formed"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "utf-7"),
        (b"<a>" * 100_000, "not well-formed"),
        (b"%PDF-1.7", "not well-formed"),
    ],
)
def test_broken_and_strange_files_are_refused_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(xml_door.XmlRefused, match=said):
        xml_door.parse(data)


def test_a_file_over_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(xml_door.XmlRefused, match="bytes"):
        xml_door.parse(b"<a>" + b" " * 100 + b"</a>", bytes_max=50)


def test_utf_16_and_latin_1_are_read() -> None:
    assert xml_door.parse('<?xml version="1.0" encoding="UTF-16"?><a>ß</a>'.encode("utf-16")).text == "ß"
    assert xml_door.parse('<?xml version="1.0" encoding="ISO-8859-1"?><a>ß</a>'.encode("latin-1")).text == "ß"


def test_a_caller_who_expects_more_may_say_so() -> None:
    with pytest.raises(xml_door.XmlRefused, match="more than 4 tags"):
        xml_door.parse(b"<a><b/><b/><b/></a>", tags_max=4)
    assert len(xml_door.parse(b"<a><b/><b/><b/></a>", tags_max=5)) == 3
