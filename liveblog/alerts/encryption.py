"""Encrypts a message for a browser (RFC 8291), so that its push service cannot read it.

The primitives are those of `cryptography`. No package does the rest better: http-ece, which
pywebpush uses, is a source archive alone, whose build runs tools that are not pinned; pywebpush and
webpush bring an HTTP client and pydantic along, and webpush signs for a wrong origin where an
endpoint has a port.
"""

import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()
RECORD_SIZE = 4096  # bytes; push services take no more (RFC 8030, section 7.2)
LAST_RECORD = b"\x02"  # RFC 8188, section 2


def encrypt(
    message: bytes,
    p256dh: bytes,
    auth: bytes,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The message as one record of the content encoding aes128gcm.

    Args:
        message: at most 3,993 bytes.
        p256dh: the browser's public key, 65 bytes.
        auth: its authentication secret, 16 bytes.
        sender, salt: made for this message, but for test vectors; the salt has 16 bytes.

    Raises ValueError where the key is no point of P-256.
    """
    sender = sender or ec.generate_private_key(CURVE)
    salt = salt or os.urandom(16)
    browser = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, p256dh)
    public = point_of(sender.public_key())
    shared = sender.exchange(ec.ECDH(), browser)
    key_material = derive(auth, b"WebPush: info\0" + p256dh + public, shared, 32)
    key = derive(salt, b"Content-Encoding: aes128gcm\0", key_material, 16)
    nonce = derive(salt, b"Content-Encoding: nonce\0", key_material, 12)
    header = salt + RECORD_SIZE.to_bytes(4) + len(public).to_bytes(1) + public
    return header + AESGCM(key).encrypt(nonce, message + LAST_RECORD, None)


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """The uncompressed point, 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def derive(salt: bytes, info: bytes, secret: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)
