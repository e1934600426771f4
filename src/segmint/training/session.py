"""One training from recipe and data to the best checkpoint.

Example:
    >>> session = Session.open(recipe, prepared, hardware)
    >>> session, history = session.fit(folder.checkpoints, run)
"""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytorch_lightning as lightning
import torch
from torch import nn
from torch.utils.data import DataLoader

from segmint.contract import Network
from segmint.data.augmentation import Augmentation
from segmint.data.dataset import Batch, TileDataset, foreground_weights, loader
from segmint.data.decoded import TILES, decode
from segmint.data.normalisation import Normaliser, describe_input
from segmint.data.preparation import PreparedData
from segmint.data.reader import TileReader
from segmint.drawing.gallery import gallery
from segmint.errors import ModelError
from segmint.files import replace_file
from segmint.interface import Class, Input, Normalisation
from segmint.models.factory import DECODERS, WeightsOrigin, build
from segmint.models.parent import Parent
from segmint.recipe import NetworkRecipe, Recipe, TrainingRecipe
from segmint.records import Recorder
from segmint.training.capacity import Capacity, is_overflow, largest_batch, memory_of
from segmint.training.checkpoints import BEST, LAST
from segmint.training.hardware import Hardware
from segmint.training.losses import class_weights
from segmint.training.previews import PreviewLog
from segmint.training.progress import EpochLog, stop_line
from segmint.training.steps import StepLog
from segmint.training.task import SegmentationTask
from segmint.training.trainer import build_trainer


@dataclass(frozen=True)
class Session:
    """Everything that training needs.

    Attributes:
        recipe: The recipe.
        hardware: The hardware choice.
        task: The Lightning task with its network.
        network: The network as the contract describes it.
        origin: Where the initial weights came from.
        source: The raster that the model takes, with its normalisation.
        classes: All classes, by value.
        loaders: One loader per split; only the training loader shuffles and augments.
        capacity: The batch, and why it was chosen.
        accumulate: Batches whose gradients make one step.
    """

    recipe: Recipe
    hardware: Hardware
    task: SegmentationTask
    network: Network
    origin: WeightsOrigin
    source: Input
    classes: tuple[Class, ...]
    loaders: dict[str, DataLoader[Batch]]
    capacity: Capacity
    accumulate: int = 1

    @classmethod
    def open(cls, recipe: Recipe, prepared: PreparedData, hardware: Hardware) -> "Session":
        """Seed, build network and loaders.

        Raises:
            ModelError: The network cannot be built.
        """
        training, data = recipe.training, recipe.data
        lightning.seed_everything(training.seed, workers=True, verbose=False)
        wanted, channels = recipe.network, 1 if len(data.classes) == 2 else len(data.classes)
        derived = tuple(band.name for band in data.derived)
        names = tuple(name for band in prepared.bands for name in band.channels) + derived
        weights = None if wanted.parent else wanted.weights
        network, origin = build(wanted.architecture, wanted.encoder, weights, names, channels, wanted.options)
        source = describe_input(
            data, prepared.bands, prepared.scaling, prepared.statistics, prepared.chips, origin.pretrained
        )
        if wanted.parent:
            labels = tuple(item.name for item in data.classes)
            source, origin = Parent.open(Path(wanted.parent)).start(network, source, labels)
        readers = {
            split: TileReader(prepared.chips, tiles, data.tile_size, data.fit)
            for split, tiles in prepared.split.tiles.items()
        }
        datasets = {
            split: TileDataset(
                tiles,
                Normaliser(source),
                Augmentation(recipe.augmentation, source) if split == "train" else None,
                training.seed,
            )
            for split, tiles in decode(readers, f"{prepared.fingerprint.digest} {data}", TILES).items()
        }
        task = SegmentationTask(network, recipe, hardware.channels_last, class_weights(recipe, prepared.statistics))
        if training.batch_size == "auto":
            train = datasets["train"]
            capacity = largest_batch(task, train[0, 0], len(train), hardware, memory_of(hardware))
        else:
            capacity = Capacity(training.batch_size, f"batch {training.batch_size}")
        loaders = _loaders(datasets, capacity.batch, hardware.workers, training)
        classes = tuple(
            Class(value=value, name=item.name, color=item.color.upper()) for value, item in enumerate(data.classes)
        )
        described = _describe(network, wanted, origin)
        return cls(recipe, hardware, task, described, origin, source, classes, loaders, capacity)

    def dataset(self, split: str) -> TileDataset:
        """Tiles of one split."""
        dataset = self.loaders[split].dataset
        assert isinstance(dataset, TileDataset)
        return dataset

    @property
    def normalisation(self) -> Normalisation:
        """What happens to stored values first."""
        assert self.source.normalisation is not None
        return self.source.normalisation

    def facts(self) -> dict[str, str]:
        """Choices that the recipe left open, for the run's parameters."""
        return {
            "hardware.accelerator": self.hardware.accelerator,
            "hardware.precision": self.hardware.precision,
            "hardware.threads": str(self.hardware.threads),
            "hardware.workers": str(self.hardware.workers),
            "hardware.reason": self.hardware.reason,
            "hardware.batch": self.capacity.reason,
            "network.parameters": str(self.network.parameters),
            "network.weights_origin": self.origin.reason,
            "data.normalisation_source": self.normalisation.source,
        }

    @property
    def batch_size(self) -> int:
        """Tiles per batch."""
        return self.capacity.batch

    def _halved(self, error: Exception) -> "Session":
        """The same with half the batch and twice as many of them in a step.

        Raises:
            ModelError: There is nothing to halve, or the recipe says to stop.
        """
        batch, smaller = self.batch_size, self.batch_size // 2
        if smaller == 0 or self.recipe.training.out_of_memory == "stop":
            raise ModelError(
                f"a step of {batch} tiles of {self.recipe.data.tile_size} px does not fit into memory",
                "a smaller batch",
                f"Add -P batch_size={max(smaller, 1)}, or -P training.out_of_memory=halve",
            ) from error
        together, capacity = 2 * self.accumulate, Capacity(smaller, f"batch {smaller}, {batch} did not fit")
        print(f"memory:  {batch} tiles do not fit, on with {smaller} and {together} batches in a step", flush=True)
        datasets = {split: self.dataset(split) for split in self.loaders}
        loaders = _loaders(datasets, smaller, self.hardware.workers, self.recipe.training)
        return replace(self, loaders=loaders, capacity=capacity, accumulate=together)

    def fit(self, checkpoints: Path, recorder: Recorder) -> tuple["Session", list[dict[str, float]]]:
        """Train to the end, take the best weights, and return the session, whose batch fits, and every epoch's metrics.

        Goes on from the last checkpoint that is there. A fit that had ended before the process was stopped is not
        repeated.

        Args:
            checkpoints: Where they are and go.
            recorder: Receives the metrics of steps and epochs, and the pictures.

        Raises:
            ModelError: A step does not fit into memory, and the recipe does not say to halve the batch.
        """
        epochs = self.recipe.training.epochs
        session, history = self, _ended(checkpoints, epochs)
        while history is None:
            log, watching = self._watching(recorder)
            smaller = session._train(checkpoints, watching)
            if smaller is None:
                history = log.history
                replace_file(checkpoints / "history.json", json.dumps({"epochs": epochs, "history": history}))
            else:
                session = smaller
        if stopped := stop_line(history, self.recipe.training):
            print(stopped, flush=True)
        self.task.load_state_dict(torch.load(checkpoints / BEST, map_location="cpu", weights_only=True)["state_dict"])
        self.task.to(self.hardware.accelerator).eval()  # Lightning left it on the CPU
        return session, history

    def _watching(self, recorder: Recorder) -> tuple[EpochLog, list[lightning.Callback]]:
        """The record of epochs, and everything that watches the training, in its order."""
        training, log = self.recipe.training, EpochLog(self.recipe.training, recorder)
        watching: list[lightning.Callback] = [log]
        if training.step_metrics:
            watching.insert(0, StepLog(training.step_metrics, recorder))  # it completes the record of the epoch
        if training.previews:
            draw, cut = partial(gallery, source=self.source, classes=self.classes), training.epoch_threshold
            watching.append(PreviewLog(self.dataset("val"), training.previews, cut, draw, recorder))
        return log, watching

    def _train(self, checkpoints: Path, watching: Sequence[lightning.Callback]) -> "Session | None":
        """Train to the end; where a step does not fit into memory, the session of half the batch to go on with."""
        trainer = build_trainer(self.recipe, self.hardware, checkpoints, watching, self.accumulate)
        start = str(checkpoints / LAST) if (checkpoints / LAST).is_file() else None
        before, smaller = copy.deepcopy(self.task.state_dict()), None
        try:
            trainer.fit(self.task, self.loaders["train"], self.loaders["val"], ckpt_path=start, weights_only=True)
        except Exception as error:
            if not is_overflow(error):
                raise
            smaller = self._halved(error)
        if smaller is not None:  # out of the handler, whose traceback holds what did not fit
            del trainer
            torch.cuda.empty_cache()
            self.task.load_state_dict(before)
        return smaller


def _loaders(
    datasets: dict[str, TileDataset], batch: int, workers: int, training: TrainingRecipe
) -> dict[str, DataLoader[Batch]]:
    weights = None
    if training.sampling == "foreground":
        weights = foreground_weights(datasets["train"], training.foreground_weight)
    return {
        "train": loader(datasets["train"], batch, workers, training.seed, weights),
        "val": loader(datasets["val"], batch, workers),
        "test": loader(datasets["test"], batch, workers),
    }


def _ended(checkpoints: Path, epochs: int) -> list[dict[str, float]] | None:
    """History of a fit that reached its end: by early stopping, or by as many epochs as are asked for now."""
    path = checkpoints / "history.json"
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    stopped_early = len(record["history"]) < record["epochs"]
    history: list[dict[str, float]] = record["history"]
    return history if stopped_early or epochs <= len(history) else None


def _describe(network: nn.Module, recipe: NetworkRecipe, origin: WeightsOrigin) -> Network:
    """Architecture, origin of the weights, and size."""
    parameters = list(network.parameters())
    tensors = [*parameters, *network.buffers()]
    return Network(
        architecture=recipe.architecture,
        encoder=recipe.encoder if recipe.architecture in DECODERS else None,
        pretrained=origin.pretrained,
        parameters=sum(p.numel() for p in parameters),
        memory_bytes=sum(t.numel() * t.element_size() for t in tensors),
        options=recipe.options,
    )
