"""The same few validation tiles after every epoch, for people who watch a network learn.

Example:
    >>> trainer = lightning.Trainer(callbacks=[PreviewLog(dataset, 4, 0.5, draw, recorder=run)])
"""

from collections.abc import Callable

import numpy as np
import pytorch_lightning as lightning
from numpy.typing import NDArray

from segmint.data.dataset import TileDataset
from segmint.evaluation.results import Example
from segmint.records import Recorder
from segmint.training.examples import examples, showing_every_class
from segmint.training.task import SegmentationTask


class PreviewLog(lightning.Callback):
    """Logs what the network predicts, uncalibrated, on tiles in which every class of the split occurs.

    Args:
        dataset: Tiles to choose from.
        count: How many tiles.
        threshold: Probability from which a pixel is foreground.
        draw: Makes one picture ``[H, W, 3]`` of them.
        recorder: Receives it.
    """

    def __init__(
        self,
        dataset: TileDataset,
        count: int,
        threshold: float,
        draw: Callable[[list[Example]], NDArray[np.uint8]],
        recorder: Recorder,
    ) -> None:
        self.dataset, self.count, self.threshold = dataset, count, threshold
        self.draw, self.recorder = draw, recorder
        self._positions: list[int] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Predict the tiles and go on training."""
        assert isinstance(pl_module, SegmentationTask)
        if not self._positions:
            self._positions = showing_every_class(self.dataset, len(pl_module.classes), self.count)
        training = pl_module.training
        tiles = examples(pl_module, self.dataset, self._positions, 1.0, self.threshold)
        pl_module.train(training)
        self.recorder.log_picture(trainer.current_epoch + 1, self.draw(tiles))
