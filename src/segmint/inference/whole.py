"""A whole image through a model that was trained on whole images: one tile, and its answer on the image's own pixels.

The image is read by rows, once for the tile and once more for the pixels without a value, so that memory does not grow
with it. What stands here is the geometry of :class:`~segmint.fit.Fit`, as training, the Esri package and the model card
have it.

Example:
    >>> print(scale_of(contract, height=1024, width=576))
    scaled as a whole to 288 x 512 px of one tile (letterbox): a pixel of it is 2 x 2 of the image
"""

from collections.abc import Callable

from segmint.contract import ModelContract
from segmint.fit import ROWS, Fit
from segmint.inference.protocols import Predict, Source, Target


def fit_of(contract: ModelContract, height: int, width: int) -> Fit:
    """How an image of ``height`` and ``width`` pixels comes into the model's tile."""
    return Fit.of(contract.fit, (height, width), (contract.height, contract.width))


def scale_of(contract: ModelContract, height: int, width: int) -> str:
    """How an image is scaled, for the person."""
    rows, columns = fit_of(contract, height, width).scaled
    across, down = width / columns, height / rows
    return (
        f"scaled as a whole to {columns} x {rows} px of one tile ({contract.fit}): "
        f"a pixel of it is {across:.3g} x {down:.3g} of the image"
    )


def run_whole(
    source: Source, predict: Predict, contract: ModelContract, target: Target, progress: Callable[[int], None]
) -> None:
    """Predict every row of an image that the target does not have yet.

    Args:
        source: The image.
        predict: The network.
        contract: Its contract.
        target: Receives the rows from top to bottom.
        progress: Told how many rows are finished, each time some are.
    """
    fit = fit_of(contract, source.height, source.width)
    answer = predict(fit.into_tile(source.read)[None])[0]
    for top in range(target.rows, source.height, ROWS):
        count = min(ROWS, source.height - top)
        _, valid = source.read(top, count)
        target.append(fit.onto_image(answer, top, count), valid)
        progress(top + count)
