"""One root seed for each fit; every part has a stream of its own, by name."""

from zlib import crc32

import numpy as np


class Streams:
    """Independent random generators derived from one root seed.

    A part's stream depends on the root and on the part's name only, so that adding a
    part, or asking for streams in another order, changes nothing for the others.
    """

    def __init__(self, root):
        self.root = int(root)

    def generator(self, name):
        """Return a fresh ``numpy.random.Generator`` for the part called ``name``."""
        key = crc32(name.encode())
        return np.random.default_rng(
            np.random.SeedSequence(self.root, spawn_key=(key,))
        )
