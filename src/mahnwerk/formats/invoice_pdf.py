"""E-invoices in PDF: the XML inside a ZUGFeRD or Factur-X file."""

from __future__ import annotations

import io
import logging
from typing import Final

from pypdf import PdfReader
from pypdf.errors import LimitReachedError, PyPdfError

from mahnwerk.formats import invoice_xml
from mahnwerk.formats.rejects import Imported, refused

BYTES_MAX: Final = 50 * 1024 * 1024
ATTACHMENTS_MAX: Final = 50
NAMES: Final = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")
"""Names the standards give the invoice; where none is there, any XML file that is an invoice will do."""


def read(data: bytes) -> Imported:
    """Read the invoice inside a PDF.

    Parameters
    ----------
    data : the PDF file.

    Returns
    -------
    Imported
        As `invoice_xml.read`; a reject for a PDF that is broken, locked, too large or has no invoice
        inside.

    Guarantees
    ----------
    Pure. Nothing in the PDF is run or rendered; only embedded files named *.xml are looked at, and
    they pass the XML door.
    """
    if len(data) > BYTES_MAX:
        return refused("pdf", f"the PDF has more than {BYTES_MAX:,} bytes", "Ask for a smaller file.")
    try:
        found = _embedded(data)
    except _UnreadableError as error:
        return refused("pdf", str(error), "Ask the sender for the file again, without a password.")
    if not found:
        return refused(
            "pdf",
            "the PDF has no invoice data inside; a picture of an invoice is not read",
            "Ask the sender for ZUGFeRD, Factur-X or XRechnung, or enter the claim with a CSV file.",
        )
    return invoice_xml.read(found)


class _UnreadableError(ValueError):
    """The PDF cannot be opened."""


def _embedded(data: bytes) -> bytes:
    """The invoice's XML: by the standards' names first, else the first embedded XML; b"" = none."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    candidates: dict[str, bytes] = {}
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            raise _UnreadableError("the PDF is locked with a password")
        for count, attachment in enumerate(reader.attachment_list):
            if count >= ATTACHMENTS_MAX:
                raise _UnreadableError(f"the PDF has more than {ATTACHMENTS_MAX} files inside")
            name = (attachment.name or "").casefold()
            if name.endswith(".xml") and name not in candidates:
                candidates[name] = attachment.content
    except _UnreadableError:
        raise
    except LimitReachedError:
        raise _UnreadableError("the PDF unpacks to more than may be read") from None
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        # pypdf meets broken files with whatever broke first
        raise _UnreadableError(f"the PDF cannot be opened: {type(error).__name__}") from None
    ordered = [candidates[name] for name in NAMES if name in candidates] or list(candidates.values())
    return ordered[0] if ordered else b""
