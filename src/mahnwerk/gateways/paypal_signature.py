"""PayPal's signature of webhooks: RSA over `id|time|webhook id|crc32 of the body`.

The certificate is fetched from the URL the message names, so the URL is the dangerous part: it must be a
host of PayPal on the path of its certificates, and is fetched through our one door (no redirect, no inner
address). The names of the certificate and its dates are checked as well.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import zlib
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from mahnwerk.gateways.outbound import AddressRefused
from mahnwerk.gateways.payments import WebhookForged, WebhookStale, header, timestamp

CERTIFICATE_PATH: Final = "/v1/notifications/certs/"
CERTIFICATE_NAMES: Final = (
    "messageverificationcerts.paypal.com",
    "messageverificationcerts.sandbox.paypal.com",
)
WINDOW: Final = dt.timedelta(days=3, hours=1)
"""PayPal sends a message again for three days, with the time of the first try; each id counts once."""
AHEAD: Final = dt.timedelta(minutes=5)


def signed_text(transmission_id: str, time: str, webhook_id: str, raw_body: bytes) -> bytes:
    """What PayPal signs."""
    return f"{transmission_id}|{time}|{webhook_id}|{zlib.crc32(raw_body)}".encode()


def check_signature(
    raw_body: bytes,
    headers: Mapping[str, str],
    webhook_ids: tuple[str, ...],
    now: dt.datetime,
    certificate: Callable[[str], bytes],
) -> None:
    """Check a message against the webhook ids that are valid now (two during a rotation).

    `certificate` fetches the PEM of a URL and raises AddressRefused where it must not be fetched.

    Raises
    ------
    WebhookForged, WebhookStale
    """
    given = {
        name: header(headers, f"paypal-{name}")
        for name in ("transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo")
    }
    if not all(given.values()) or given["auth-algo"] != "SHA256withRSA":
        raise WebhookForged("signature_missing")
    try:
        signature = base64.b64decode(given["transmission-sig"], validate=True)
    except (binascii.Error, ValueError):
        raise WebhookForged("signature_missing") from None
    url = given["cert-url"]
    parts = urlsplit(url) if url.isascii() else urlsplit("")
    if not parts.path.startswith(CERTIFICATE_PATH) or ".." in url or "%" in url:
        raise WebhookForged("certificate_url")
    try:
        pem = certificate(url)
    except AddressRefused:
        raise WebhookForged("certificate_url") from None
    key = _public_key(pem, now)
    texts = [
        signed_text(given["transmission-id"], given["transmission-time"], webhook_id, raw_body)
        for webhook_id in webhook_ids
    ]
    if not any(_verifies(key, signature, text) for text in texts):
        raise WebhookForged("signature_wrong")
    sent = timestamp(given["transmission-time"])
    if not now - WINDOW <= sent <= now + AHEAD:
        raise WebhookStale(int((now - sent).total_seconds()))


def _public_key(pem: bytes, now: dt.datetime) -> rsa.RSAPublicKey:
    try:
        found = x509.load_pem_x509_certificates(pem)[0]
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        key = found.public_key()
    except (ValueError, IndexError):
        raise WebhookForged("certificate_malformed") from None
    if not names or names[0].value not in CERTIFICATE_NAMES or not isinstance(key, rsa.RSAPublicKey):
        raise WebhookForged("certificate_name")
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc or key.key_size < 2048:
        raise WebhookForged("certificate_expired")
    return key


def _verifies(key: rsa.RSAPublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
