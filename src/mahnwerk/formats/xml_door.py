"""The only door XML comes in by: no document type, no entities, no network, bounded size.

Every XML file, also one on its way to a library, passes here first.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

BYTES_MAX: Final = 50 * 1024 * 1024
TAGS_MAX: Final = 4_000_000
ENCODINGS: Final = ("utf-8", "utf-16", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252")

_DECLARED: Final = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


class XmlRefused(ValueError):  # noqa: N818 (says what the door did)
    """The bytes are not XML that may be read; the message says why and what to do."""


def parse(data: bytes, *, bytes_max: int = BYTES_MAX, tags_max: int = TAGS_MAX) -> etree._Element:
    """Parse one XML document and return its root element.

    Parameters
    ----------
    data : the file.
    bytes_max, tags_max : refuse longer files, and those of more tags.

    Returns
    -------
    lxml element; comments and processing instructions are left out.

    Raises
    ------
    XmlRefused
        For a document type declaration (so for every entity and XML bomb), a file too large or too
        deeply nested, an encoding outside ENCODINGS, or broken XML.

    Guarantees
    ----------
    Nothing is fetched, no entity is expanded, memory is a bounded multiple of the file's size.
    """
    if not data.strip():
        raise XmlRefused("The file is empty. Export it again.")
    if len(data) > bytes_max:
        raise XmlRefused(f"The XML file has {len(data):,} bytes; more than {bytes_max:,} are not read.")
    ascii_view = data.replace(b"\0", b"")  # finds the same signs in UTF-16 and UTF-32
    if re.search(rb"<!(?:DOCTYPE|ENTITY)", ascii_view, re.IGNORECASE):
        raise XmlRefused(
            "The XML file has a document type declaration (DOCTYPE). Such files can hide bombs and read "
            "other files, so none is read. Ask the sender for the file without it."
        )
    if ascii_view.count(b"<") > tags_max:
        raise XmlRefused(f"The XML file has more than {tags_max:,} tags. Split it.")
    declared = _DECLARED.match(ascii_view.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe"))
    encoding = declared.group(1).decode().casefold() if declared else "utf-8"
    if encoding not in ENCODINGS:
        raise XmlRefused(f"The XML file is encoded in {encoding}; known are {', '.join(ENCODINGS)}.")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlRefused(f"The file is not well-formed XML: {error}. Export it again.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefused("The XML file has a document type declaration; none is read.")
    return root
