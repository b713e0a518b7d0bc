"""What a user reads when something does not fit: where, what was wanted, what came, what to do next."""

from collections.abc import Iterable


class ClearpropError(ValueError):
    """One sentence in four parts; every error that clearprop raises on purpose is one of these.

    >>> str(ShapeError("Dense(10), layer 2 of 3", "30 inputs", "32", "give Network(30, ...)"))
    'Dense(10), layer 2 of 3: wanted 30 inputs, got 32; give Network(30, ...)'
    """

    def __init__(self, where: str, wanted: str, got: str, advice: str) -> None:
        super().__init__(where, wanted, got, advice)
        self.where, self.wanted, self.got, self.advice = where, wanted, got, advice

    def __str__(self) -> str:
        return f"{self.where}: wanted {self.wanted}, got {self.got}; {self.advice}"


class ShapeError(ClearpropError):
    """Arrays or layers whose shapes do not fit together."""


class SettingError(ClearpropError):
    """A hyperparameter, name or option that cannot be."""


class DataError(ClearpropError):
    """Samples or targets that cannot be used; named by row and column where they have one."""


class FileError(ClearpropError):
    """A file that cannot be read or written, or does not hold what it should."""


class DivergenceError(ClearpropError):
    """Training produced a value that is not finite."""


class MissingExtra(ClearpropError, ImportError):
    """An optional package is not installed."""


def missing(package: str, extra: str, purpose: str) -> MissingExtra:
    """The error for an absent optional package, with the command that installs it."""
    return MissingExtra(purpose, f"the package {package}", "no such package", f'run: pip install "clearprop[{extra}]"')


def suggest(name: str, known: Iterable[str]) -> str:
    """Advice for an unknown name: the nearest known ones, else all of them.

    >>> suggest("rleu", ["relu", "tanh"])
    'did you mean relu?'
    >>> suggest("swirl", ["relu", "tanh"])
    'choose one of relu, tanh'
    """
    import difflib

    names = {str(one).lower(): str(one) for one in known}
    close = difflib.get_close_matches(str(name).lower(), names, n=3, cutoff=0.6)
    close = close[:1] if str(name).lower() in names else close
    if close:
        return f"did you mean {' or '.join(names[one] for one in close)}?"
    return f"choose one of {', '.join(names.values())}"


def brief(value: object, limit: int = 60) -> str:
    """`repr`, cut at `limit` characters, for the got-part of an error."""
    try:
        item = getattr(value, "item", None)  # np.str_('a') is told as 'a'
        text = repr(item() if item is not None and getattr(value, "ndim", 1) == 0 else value)
    except Exception:  # a user's object may misbehave, and the error must still be told
        text = f"a {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 3] + "..."
