"""How fast is `train --recipe refugee-camp-classic` beside the way the source documents train the same network?

    python benchmarks/original.py
    python benchmarks/original.py --chips_dir CHIPS --labels_dir LABELS --rounds 3

Both train the documented encoder-decoder at batch 32 and 256 px, with Lightning and without augmentation, for as many
epochs, on the same chips. The documents' way: fp32, a random split of 70, 15 and 15 percent, every chip opened by PIL,
resized and normalised anew in every epoch by 4 workers, Adam, binary cross-entropy after a sigmoid, one logged loss.
Seconds are those of the fit, in processes of their own, taking turns; `train` counts the building of its network and
the decoding of its tiles too. Where the processor has no bf16, both compute the same convolutions, and only what is
around them, the gradients of the transposed ones and page faults can be saved.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runs import PROJECT, sample, train

sys.path.insert(0, str(PROJECT / "src"))

BATCH, SIZE, WORKERS = 32, 256, 4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def documented(chips: Path, labels: Path, epochs: int) -> float:
    """Seconds of the documents' fit."""
    import pytorch_lightning as lightning
    import torch
    from PIL import Image
    from torch import nn
    from torch.utils.data import DataLoader, Dataset, random_split
    from torchvision import transforms

    def stage(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]

    class Pictures(Dataset[tuple[torch.Tensor, torch.Tensor]]):
        """Chips and labels, opened whenever they are asked for."""

        def __init__(self) -> None:
            self.names = sorted(path.name for path in chips.iterdir() if (labels / path.name).is_file())
            resize = transforms.Resize((SIZE, SIZE))
            self.image = transforms.Compose([resize, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
            nearest = transforms.Resize((SIZE, SIZE), transforms.InterpolationMode.NEAREST)
            self.label = transforms.Compose([nearest, transforms.ToTensor()])

        def __len__(self) -> int:
            return len(self.names)

        def __getitem__(self, place: int) -> tuple[torch.Tensor, torch.Tensor]:
            image, label = (Image.open(folder / self.names[place]) for folder in (chips, labels))
            return self.image(image.convert("RGB")), self.label(label.convert("L"))

    class Task(lightning.LightningModule):
        """Binary cross-entropy of a sigmoid."""

        def __init__(self) -> None:
            super().__init__()
            down = [*stage(3, 64), *stage(64, 128), *stage(128, 256), nn.Conv2d(256, 512, 3, padding=1), nn.ReLU()]
            up = [nn.ConvTranspose2d(wide, wide // 2, 2, stride=2) for wide in (512, 256, 128)]
            self.network, self.loss = nn.Sequential(*down, *up, nn.Conv2d(64, 1, 1)), nn.BCELoss()

        def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
            loss: torch.Tensor = self.loss(torch.sigmoid(self.network(batch[0])), (batch[1] > 0).float())
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
            self.log("val_loss", self.loss(torch.sigmoid(self.network(batch[0])), (batch[1] > 0).float()))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    pictures = Pictures()
    parts = int(0.7 * len(pictures)), int(0.15 * len(pictures))
    split = random_split(pictures, (*parts, len(pictures) - sum(parts)), torch.Generator().manual_seed(62))
    loaders = [DataLoader(split[number], BATCH, shuffle=not number, num_workers=WORKERS) for number in range(2)]
    trainer = lightning.Trainer(
        max_epochs=epochs, logger=False, enable_checkpointing=False, enable_progress_bar=False, num_sanity_val_steps=0
    )
    started = time.perf_counter()
    trainer.fit(Task(), *loaders)
    return time.perf_counter() - started


def main() -> None:
    """Print both and the ratio with its spread."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--chips_dir", type=Path, help="RGB pictures; the built-in sample by default")
    parser.add_argument("--labels_dir", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documented", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.documented:
        print(json.dumps(documented(given.chips_dir, given.labels_dir, given.epochs)))
        return
    with tempfile.TemporaryDirectory(prefix="segmint-original-") as name:
        room, ratios = Path(name), []
        chips, labels = given.chips_dir, given.labels_dir
        if chips is None:
            chips, labels = sample(room)
        folders = [f"--chips_dir={chips.resolve()}", f"--labels_dir={labels.resolve()}"]
        for number in range(given.rounds):
            command = [sys.executable, __file__, "--documented", *folders, f"--epochs={given.epochs}"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            theirs = float(done.stdout.splitlines()[-1])
            own = room / str(number)
            own.mkdir()
            options = [f"chips_dir={chips.resolve()}", f"labels_dir={labels.resolve()}", f"epochs={given.epochs}"]
            options += [f"batch_size={BATCH}", f"data.tile_size={SIZE}", "training.patience=0"]
            stages = train(own, ["recipe=refugee-camp-classic", *options]).stages
            mine = stages["model"] + stages["fit"]
            ratios.append(theirs / mine)
            print(f"documented {theirs:.1f} s, train {mine:.1f} s", flush=True)
    print(f"ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
