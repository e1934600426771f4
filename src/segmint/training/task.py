"""The Lightning task: what one step, one epoch and one prediction are.

Example:
    >>> task = SegmentationTask(network, recipe)
    >>> trainer.fit(task, train_loader, val_loader)
"""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import nn

from segmint.data.dataset import Batch
from segmint.evaluation.metrics import activate
from segmint.recipe import Recipe
from segmint.score_names import epoch_scores
from segmint.training.losses import WeightedLoss
from segmint.training.optimisation import configure, optimisation_of, plateau_after
from segmint.training.progress import EpochLog
from segmint.training.scores import EpochScores


class SegmentationTask(lightning.LightningModule):
    """Trains a network to give logits ``[B, K, H, W]`` of normalised images ``[B, C, H, W]``.

    Args:
        network: The network.
        recipe: Loss, optimisation and classes.
        channels_last: Memory layout of the network, by the hardware choice.
        class_weights: Weight of each class in the loss; 1 for all when empty.
    """

    def __init__(
        self, network: nn.Module, recipe: Recipe, channels_last: bool = False, class_weights: Sequence[float] = ()
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.network = network.to(memory_format=self.memory_format)
        self.classes = tuple(item.name for item in recipe.data.classes)
        self.configure_losses(class_weights or (1.0,) * len(self.classes))
        self.configure_metrics()

    def configure_losses(self, class_weights: Sequence[float]) -> None:
        """The recipe's weighted loss."""
        self.loss = WeightedLoss(self.recipe.loss, class_weights)

    def configure_metrics(self) -> None:
        """One set of streamed scores for each of training and validation."""
        pooled, threshold = self.recipe.data.pooled, self.recipe.training.epoch_threshold
        self.train_scores = EpochScores(self.classes, pooled, threshold)
        self.val_scores = EpochScores(self.classes, pooled, threshold)
        self.logged = epoch_scores(len(self.classes), pooled)

    def configure_optimizers(self) -> Any:
        """Optimiser and schedule of the recipe."""
        return configure(self.network, self.recipe.training)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say what the optimiser was, so that another one does not take its state over."""
        checkpoint["optimisation"] = optimisation_of(self.recipe.training)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the steps of a plateau schedule from the history: Lightning saves it without that of the last epoch."""
        training = self.recipe.training
        if training.scheduler == "plateau":
            monitored = [record[training.monitor] for record in EpochLog.history_of(checkpoint) or ()]
            rates, state = plateau_after(self.network, training, monitored)
            for group, rate in zip(checkpoint["optimizer_states"][0]["param_groups"], rates, strict=True):
                group["lr"] = rate
            checkpoint["lr_schedulers"] = [state]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits ``[B, K, H, W]`` of normalised images ``[B, C, H, W]``."""
        logits: torch.Tensor = self.network(image.contiguous(memory_format=self.memory_format))
        return logits

    def probabilities(self, image: torch.Tensor, temperature: float) -> torch.Tensor:
        """Probabilities ``[B, K, H, W]`` of normalised images, in fp32: the reference of every export."""
        with torch.inference_mode():
            return activate(self(image).float() / temperature)

    def on_train_epoch_start(self) -> None:
        """Seed by epoch, so that a resumed epoch draws what an uninterrupted one would, and count from nothing."""
        torch.manual_seed(self.recipe.training.seed * 100_003 + self.current_epoch)
        self.train_scores.reset()
        self.val_scores.reset()

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Loss of one batch; Lightning steps the optimiser."""
        return self._step(batch, "train")

    def validation_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Loss of one validation batch, for the progress bar; its scores are counted."""
        return self._step(batch, "val")

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the epoch: validation, and training, whose last step came before validation."""
        for split, scores in (("train", self.train_scores), ("val", self.val_scores)):
            named = {name: value for name, value in scores.compute().items() if name in self.logged}
            self.log_dict({f"{split}_{name}": value for name, value in named.items()})

    def _step(self, batch: Batch, split: str) -> torch.Tensor:
        logits = self(batch["image"])
        self.loss_parts = self.loss.parts(logits, batch["target"])
        loss = self.loss.total(self.loss_parts)
        self.log(f"{split}_loss", loss, on_step=False, on_epoch=True, batch_size=len(logits), prog_bar=True)
        scores = self.train_scores if split == "train" else self.val_scores
        scores.update(activate(logits.detach().float()), batch["target"])
        return loss
