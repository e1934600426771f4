"""From an open scene to rows of a map: reading, inference and writing at the same time.

One thread reads the next row of windows while the network answers this one, another writes what is finished. What is
held at any time is a few rows of windows, whatever the height of the scene.

Example:
    >>> with Scene.open("scene.tif", model.contract) as scene:
    ...     run(scene, model, stride=192, batch_size=8, work=work, progress=progress)
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.inference.blending import Blend
from segmint.inference.protocols import Predict, Source, Target
from segmint.inference.whole import run_whole
from segmint.inference.windows import WindowGrid


def run(
    source: Source,
    predict: Predict,
    contract: ModelContract,
    stride: int,
    batch_size: int,
    target: Target,
    progress: Callable[[int], None],
) -> None:
    """Predict every row of a scene that the target does not have yet: in windows, or as a whole if the model asks so.

    Args:
        source: The scene.
        predict: The network.
        contract: Its contract.
        stride: Pixels between the origins of neighbouring windows.
        batch_size: Windows that the network sees at once.
        target: Receives the rows from top to bottom.
        progress: Told how many rows are finished, each time some are.
    """
    done = target.rows
    if done >= source.height:
        return
    if contract.fit != "tile":
        run_whole(source, predict, contract, target, progress)
        return
    grid = WindowGrid.over(source.height, source.width, (contract.height, contract.width), stride)
    first = grid.first_touching(done)
    top = max(grid.rows.origins[first], 0)
    blend = Blend(grid, contract.output.channels, first)
    with ThreadPoolExecutor(1, "reading") as reading, ThreadPoolExecutor(1, "writing") as writing:
        written: Future[None] | None = None
        for row, (values, valid) in _ahead(reading, source, grid, first):
            _predict_row(predict, batch_size, blend, row, values, valid)
            rows = blend.finish(row)
            start, stop = max(top, done), top + rows.shape[1]
            if stop > start:
                known = valid[start - _top(grid, row) : stop - _top(grid, row)]
                if written is not None:
                    written.result()
                written = writing.submit(target.append, rows[:, start - top :], known)
                progress(stop)
            top = stop
        if written is not None:
            written.result()


def _ahead(
    reading: ThreadPoolExecutor, source: Source, grid: WindowGrid, first: int
) -> Iterator[tuple[int, tuple[NDArray[np.generic], NDArray[np.bool_]]]]:
    """Rows of windows with the part of the scene below them; the next is read while one is worked on."""

    def read(row: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        return source.read(_top(grid, row), _bottom(grid, row) - _top(grid, row))

    count = len(grid.rows.origins)
    coming = reading.submit(read, first)
    for row in range(first, count):
        strip = coming.result()
        if row + 1 < count:
            coming = reading.submit(read, row + 1)
        yield row, strip


def _predict_row(
    predict: Predict,
    batch_size: int,
    blend: Blend,
    row: int,
    values: NDArray[np.generic],
    valid: NDArray[np.bool_],
) -> None:
    """Add a row of windows to the blend; windows without any value are left out."""
    grid = blend.grid
    down = _sliced(grid.rows.reflected(row) - _top(grid, row))
    wanted = [column for column in range(len(grid.columns.origins)) if _part(valid, grid, column).any()]
    for start in range(0, len(wanted), batch_size):
        columns = wanted[start : start + batch_size]
        windows = np.empty((len(columns), len(values), grid.rows.tile, grid.columns.tile), np.float32)
        for window, column in zip(windows, columns, strict=True):
            across = _sliced(grid.columns.reflected(column))
            window[:] = values[:, :, across][:, down]
            known = valid[:, across][down]
            if not known.all():
                window[:, ~known] = np.nan
        for column, answer in zip(columns, predict(windows), strict=True):
            blend.add(row, column, answer)


def _sliced(places: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Places one behind the other as a slice, which numpy need not copy."""
    return slice(places[0], places[-1] + 1) if (np.diff(places) == 1).all() else places


def _part(valid: NDArray[np.bool_], grid: WindowGrid, column: int) -> NDArray[np.bool_]:
    origin = grid.columns.origins[column]
    return valid[:, max(origin, 0) : origin + grid.columns.tile]


def _top(grid: WindowGrid, row: int) -> int:
    """First row of the scene that a row of windows reads."""
    return int(grid.rows.reflected(row).min())


def _bottom(grid: WindowGrid, row: int) -> int:
    return int(grid.rows.reflected(row).max()) + 1
