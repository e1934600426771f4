"""The same few validation tiles after every epoch, for people who watch a network learn.

Example:
    >>> trainer = lightning.Trainer(callbacks=[PreviewLog(session.dataset("val"), count=4, sink=gallery.log)])
"""

from collections.abc import Callable

import pytorch_lightning as lightning

from segmint.data.dataset import TileDataset
from segmint.evaluation.results import Example
from segmint.training.examples import examples, showing_every_class
from segmint.training.task import SegmentationTask

PreviewSink = Callable[[int, list[Example]], None]
"""Receives the number of an epoch, from 1, and its tiles."""


class PreviewLog(lightning.Callback):
    """Hands on what the network answers, uncalibrated, on tiles in which every class of the split occurs.

    Args:
        dataset: Tiles to choose from.
        count: How many tiles.
        threshold: Probability from which a pixel is foreground.
        sink: Receives them.
    """

    def __init__(self, dataset: TileDataset, count: int, threshold: float, sink: PreviewSink) -> None:
        self.dataset, self.count, self.threshold, self.sink = dataset, count, threshold, sink
        self._positions: list[int] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Answer the tiles and go on training."""
        assert isinstance(pl_module, SegmentationTask)
        if not self._positions:
            self._positions = showing_every_class(self.dataset, len(pl_module.classes), self.count)
        training = pl_module.training
        tiles = examples(pl_module, self.dataset, self._positions, 1.0, self.threshold)
        pl_module.train(training)
        self.sink(trainer.current_epoch + 1, tiles)
