"""Names of the scores that every epoch logs; imports no torch, so that a recipe can be checked against them.

Example:
    >>> epoch_scores(classes=2, pooled=None)
    ('acc', 'iou', 'f1', 'precision', 'recall', 'brier')
"""

BY_CLASS = ("iou", "f1", "precision", "recall")
"""Scores of each class, from counts of pixels: :func:`segmint.evaluation.metrics.counted` computes them."""

OF_PROBABILITIES = ("brier",)
"""Scores of probabilities, which no count of pixels gives: :data:`segmint.training.scores.PROBABILITY_METRICS`."""

SMALLER_IS_BETTER = ("loss", "brier")
"""Figures of which the smallest is the best; of every other it is the largest."""


def epoch_scores(classes: int, pooled: str | None) -> tuple[str, ...]:
    """Names of the scores that an epoch logs for training and validation.

    Args:
        classes: Number of classes.
        pooled: What the classes above 0 are together (``fire``), or None.
    """
    macro = ("macro_iou",) if classes > 2 else ()
    names = ("acc", *BY_CLASS, *macro, *OF_PROBABILITIES)
    if pooled is None:
        return names
    detection = tuple(f"detection_{name}" for name in ("acc", "precision", "recall", "f1"))
    return (*names, *(f"{pooled}_{name}" for name in BY_CLASS), *detection)
