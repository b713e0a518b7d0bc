"""Named random streams from one seed: adding dropout does not change the shuffle."""

import numpy as np

from clearprop.arrays.checks import whole


def stream(seed: int, name: str) -> "np.random.Generator":
    """The random generator called `name` of the family `seed`; streams of other names are independent of it.

    >>> a, b = stream(0, "shuffle"), stream(0, "shuffle")
    >>> bool(a.integers(1000) == b.integers(1000))
    True
    """
    seed = whole("random stream", "seed", seed, low=0, high=2**128 - 1)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(name.encode())))
