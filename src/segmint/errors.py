"""The errors a person can act on.

Every message has three parts: what was found, what was expected, and what to do. Scripts run their body
inside :func:`one_line_errors`, which turns them into one line on stderr and exit status 1.

Example:
    >>> str(DataError("chip a.tif has 4 bands", "3 (red, green, blue)", "Set data.bands or fix the file"))
    'chip a.tif has 4 bands; expected 3 (red, green, blue). Set data.bands or fix the file.'
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class SegmintError(Exception):
    """Base of all errors that are for the person, not for the developer.

    Args:
        found: What was found, with the file or key it was found in.
        expected: What would have been right.
        remedy: What to do about it, as an instruction.
    """

    def __init__(self, found: str, expected: str = "", remedy: str = "") -> None:
        self.found, self.expected, self.remedy = found, expected, remedy
        message = found + (f"; expected {expected}" if expected else "")
        sentences = [part.rstrip(".") + "." for part in (message, remedy) if part]
        super().__init__(" ".join(" ".join(sentences).split()))


class RecipeError(SegmintError):
    """A recipe key or value that cannot be used."""


class DataError(SegmintError):
    """A chip, label or folder that cannot be trained on."""


class SceneError(SegmintError):
    """A scene that a model cannot predict, or a map that cannot be written."""


class SplitError(DataError):
    """Too little data, or ground that would stand on two sides of a split."""


Refuse = Callable[[DataError], None]
"""What a reader does with something that cannot be trained on; where it returns, the reader goes on without it."""


def stop(error: DataError) -> None:
    """Refuse at the first problem, as training does."""
    raise error


class ModelError(SegmintError):
    """A network that cannot be built, or weights that do not fit it."""


class ContractError(SegmintError):
    """A contract that is incomplete, contradicts itself, or is of an unknown version."""


class ExportError(SegmintError):
    """A format that could not be written or opened again."""


class ParityError(ExportError):
    """A format that answers otherwise than the trained network."""


class TrackingError(SegmintError):
    """A tracking server or run that cannot be used."""


class StorageError(SegmintError):
    """A folder that cannot be written to, for example on a full disk."""


class RegistryError(SegmintError):
    """A registered version that cannot be promoted, or not be rolled back."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print a :class:`SegmintError` as one line and exit with status 1; SEGMINT_TRACEBACK=1 shows the traceback.

    Ctrl-C before there is anything to close ends with status 130 and no traceback either.
    """
    try:
        yield
    except SegmintError as error:
        if os.environ.get("SEGMINT_TRACEBACK"):
            raise
        print(f"error: {error}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr, flush=True)
        raise SystemExit(130) from None
