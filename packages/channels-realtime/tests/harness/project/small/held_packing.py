"""Encryption that takes as long as the test wants."""

from small import book

LARGE = 100_000  # bytes


class HeldPacking:
    """Encrypts as `crypter` does; a large message only once the test opens a gate."""

    def __init__(self, crypter):
        self.crypter = crypter

    def encrypt(self, packed):
        if len(packed) > LARGE:
            book.write("packing", len(packed))
            book.wait_at_gate("pack")
        return self.crypter.encrypt(packed)

    def decrypt(self, packed):
        return self.crypter.decrypt(packed)
