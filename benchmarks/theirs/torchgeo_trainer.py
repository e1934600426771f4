"""TorchGeo's side of `rivals.py`, in an environment of its own: its segmentation task in its usual Lightning trainer.

    PYTHON benchmarks/theirs/torchgeo_trainer.py --chips CHIPS --labels LABELS --split split.json --epochs 4 --seed 0

As its tutorials train: a ``NonGeoDataModule`` over a dataset that reads a chip and its mask, the augmentation of
its data module for aerial photographs (LandCover.ai), AdamW with the task's schedule, the best checkpoint by
``val_loss``, a TensorBoard logger. Prints seconds of each epoch, images of an epoch and test scores as JSON.
"""

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

import kornia.augmentation as kornia
import rasterio
import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from rasterio.windows import Window
from torchgeo.datamodules import NonGeoDataModule
from torchgeo.datasets import NonGeoDataset
from torchgeo.tasks import SemanticSegmentation


class Chips(NonGeoDataset):
    """Tiles of one split, as `train` cut them.

    Args:
        chips: Folder of images.
        labels: Folder of masks with the same stems; what is not 0 is foreground.
        tiles: Of each split: chip, row, col, height and width.
        split: Which.
    """

    def __init__(self, chips: Path, labels: Path, tiles: dict[str, list[dict]], split: str) -> None:
        self.images = {path.stem: path for path in chips.iterdir()}
        self.masks = {path.stem: path for path in labels.iterdir()}
        self.tiles = tiles[split]

    def __len__(self) -> int:
        return len(self.tiles)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        tile = self.tiles[index]
        window = Window(tile["col"], tile["row"], tile["width"], tile["height"])
        with rasterio.open(self.images[tile["chip"]]) as image, rasterio.open(self.masks[tile["chip"]]) as mask:
            values, classes = image.read((1, 2, 3), window=window), mask.read(1, window=window)
        return {"image": torch.from_numpy(values).float(), "mask": torch.from_numpy((classes != 0).astype("int64"))}


class Stopwatch(Callback):
    """Notes when epochs end, validation and checkpoint included."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def main() -> None:
    """Train, test the best checkpoint, print the figures."""
    parser = argparse.ArgumentParser()
    for name in ("chips", "labels", "split"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--encoder", default="resnet34")
    parser.add_argument("--loss", default="bce")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    seed_everything(given.seed, verbose=False)
    tiles = json.loads(given.split.read_text())["tiles"]
    data = NonGeoDataModule(Chips, given.batch, 0, chips=given.chips, labels=given.labels, tiles=tiles)
    data.train_aug = kornia.AugmentationSequential(
        kornia.Normalize(mean=data.mean, std=data.std),
        kornia.RandomRotation(p=0.5, degrees=90),
        kornia.RandomHorizontalFlip(p=0.5),
        kornia.RandomVerticalFlip(p=0.5),
        kornia.RandomSharpness(p=0.5),
        kornia.ColorJitter(p=0.5, brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1),
        data_keys=None,
        keepdim=True,
    )
    task = SemanticSegmentation("unet", given.encoder, weights=None, task="binary", loss=given.loss, lr=given.lr)
    with tempfile.TemporaryDirectory(prefix="segmint-torchgeo-") as folder:
        best = ModelCheckpoint(monitor="val_loss", dirpath=folder, save_top_k=1, save_last=True)
        watch = Stopwatch()
        trainer = Trainer(
            default_root_dir=folder,
            callbacks=[watch, best],
            logger=TensorBoardLogger(save_dir=folder),
            log_every_n_steps=1,
            max_epochs=given.epochs,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(task, datamodule=data)
        (scores,) = trainer.test(task, datamodule=data, ckpt_path="best", weights_only=False, verbose=False)
    batches = len(tiles["train"]) // given.batch  # the data module drops a last batch that is not whole
    figures = {
        "epochs": [later - earlier for earlier, later in zip(watch.ends, watch.ends[1:], strict=False)],
        "images": batches * given.batch + len(tiles["val"]),
        "scores": scores,
        "parameters": sum(parameter.numel() for parameter in task.model.parameters()),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
