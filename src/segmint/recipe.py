"""The recipe: everything a system is, as typed values with their defaults. Imports no torch.

A YAML file in ``configs/`` overrides these defaults, the command line overrides the file
(:mod:`segmint.command_line` reads both). Ranges stand in the types.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from jsonargparse.typing import (
    ClosedUnitInterval,
    NonNegativeFloat,
    NonNegativeInt,
    OpenUnitInterval,
    PositiveFloat,
    PositiveInt,
)

from segmint.dataset_recipe import AugmentationRecipe, Band, ClassOfInterest, DataRecipe, DerivedBand, SplitRecipe
from segmint.score_names import SMALLER_IS_BETTER

__all__ = ["AugmentationRecipe", "Band", "ClassOfInterest", "DataRecipe", "DerivedBand", "Recipe", "SplitRecipe"]

DEFAULT_RECIPE = "refugee-camp"


@dataclass(frozen=True)
class Provider:
    """Who stands behind the model, as STAC providers are written."""

    name: str
    roles: list[Literal["producer", "licensor", "processor", "host"]] = field(default_factory=list)
    url: str | None = None


Architecture = Literal[
    "classic",
    "unet_small",
    "unet_classic",
    "emberformer",
    "unet",
    "unetplusplus",
    "manet",
    "linknet",
    "fpn",
    "pspnet",
    "pan",
    "deeplabv3",
    "deeplabv3plus",
    "upernet",
    "segformer",
]


@dataclass(frozen=True)
class NetworkRecipe:
    """The network.

    Attributes:
        architecture: 'classic' (the documented 3-64-128-256-512 encoder-decoder), 'unet_small' (16-32-64),
            'unet_classic' (64 to 1024), 'emberformer' (fire spread) or an smp decoder name.
        encoder: smp encoder name; used by smp decoders only.
        weights: 'imagenet' when they can be had, the best_model.pth of a finished model of the same network, bands and
            classes, whose normalisation comes along, or null for random initialisation.
        d_model: Features per patch of 'emberformer', as the four keys below; even.
        nhead: Attention heads; a divisor of d_model.
        num_layers: Layers of the temporal transformer.
        spatial_decoder: What brings the levels of the pyramid together.
        dropout: Share of the transformer's features that training leaves out.
    """

    architecture: Architecture = "unet"
    encoder: str = "resnet34"
    weights: str | None = "imagenet"
    d_model: PositiveInt = 96
    nhead: PositiveInt = 8
    num_layers: PositiveInt = 4
    spatial_decoder: Literal["segformer", "unet"] = "segformer"
    dropout: ClosedUnitInterval = 0.1

    @property
    def parent(self) -> str | None:
        """The file that the weights come from, where they do."""
        return None if self.weights in (None, "imagenet") else self.weights

    @property
    def options(self) -> dict[str, int | float | str]:
        """What the architecture takes beside bands and classes."""
        return {key: getattr(self, key) for key in OPTIONS.get(self.architecture, ())}


OPTIONS: dict[str, tuple[str, ...]] = {
    "emberformer": ("d_model", "nhead", "num_layers", "spatial_decoder", "dropout"),
}
"""Keys of the network that one architecture alone takes."""


@dataclass(frozen=True)
class LossRecipe:
    """Weighted sum of losses; a weight of 0 leaves a loss out.

    Attributes:
        bce: Binary cross-entropy with logits, or cross-entropy for several classes.
        dice: Soft Dice loss.
        focal: Focal loss, gamma 2 (Lin et al. 2017).
        tversky: Tversky loss, alpha 0.3 for false positives, beta 0.7 for false negatives (Salehi et al. 2017).
        jaccard: Soft Jaccard loss.
        class_weights: 'inverse_frequency' weighs bce and focal by the training split's class shares, the smallest
            weight 1; a class that does not occur weighs 1.
    """

    bce: NonNegativeFloat = 1.0
    dice: NonNegativeFloat = 1.0
    focal: NonNegativeFloat = 0.0
    tversky: NonNegativeFloat = 0.0
    jaccard: NonNegativeFloat = 0.0
    class_weights: Literal["none", "inverse_frequency"] = "none"

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every loss, by its name."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "class_weights"}


@dataclass(frozen=True)
class TrainingRecipe:
    """The optimisation.

    Attributes:
        epochs: Most epochs to train.
        batch_size: Tiles per step; 'auto' takes as many as memory holds, and leaves the learning rate as it is.
        out_of_memory: What to do where a step does not fit after all: 'stop', or 'halve' the batch and take two steps'
            gradients together, which learns the same.
        lr: Learning rate.
        optimizer: adam, adamw or sgd (momentum 0.9).
        weight_decay: L2 penalty of the optimiser.
        lr_temporal: Learning rate of a network's temporal part; null as lr.
        scheduler: none, plateau or cosine (to 0 over the epochs).
        plateau_factor: What plateau multiplies the learning rate by.
        plateau_patience: Epochs without progress before it does.
        sampling: 'foreground' draws tiles that show more than 1 % of a class but the first foreground_weight times as
            often; 'even' draws every tile once.
        foreground_weight: See sampling.
        monitor: Metric that chooses the best checkpoint and stops early.
        mode: Whether the smallest ('min') or the largest ('max') monitor is the best; 'auto' knows it by the name.
        patience: Epochs without progress before training stops; 0 never stops early.
        sample_epochs: Epochs instead of epochs on a built-in sample, unless epochs are given.
        sample_lr: Learning rate instead of lr on a built-in sample, unless lr is given.
        sample_batch_size: Tiles per step instead of batch_size on a built-in sample, unless batch_size is given.
        checkpoint_every: Also keep a checkpoint every so many epochs; 0 keeps best and last alone.
        threshold: Probability from which a pixel is foreground (two classes): in the scores of every epoch, and, of the
            calibrated probability, in test scores and exports. 'auto' takes 0.5, then the best on the validation split.
        min_delta: Smallest change of the monitor that counts as progress, for the best checkpoint and for the stop.
        gradient_clip: Largest gradient norm; 0 does not clip.
        step_metrics: Also log the loss and its parts at every step, and running scores every so many; 0 logs epochs.
        previews: Validation tiles whose answer is logged as a picture after every epoch; 0 logs none.
        log_gradient_norm: Log the gradient norm of each epoch.
        precision: 'auto' chooses by the hardware and prints the reason.
        gpu: Which GPU to use, from 0; null chooses.
        workers: Data loader processes; 'auto' chooses by the cores.
        seed: Seed of weights, order and augmentation.
    """

    epochs: PositiveInt = 50
    batch_size: PositiveInt | Literal["auto"] = 32
    out_of_memory: Literal["stop", "halve"] = "stop"
    lr: PositiveFloat = 1e-3
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr_temporal: PositiveFloat | None = None
    weight_decay: NonNegativeFloat = 0.0
    scheduler: Literal["none", "plateau", "cosine"] = "none"
    plateau_factor: OpenUnitInterval = 0.5
    plateau_patience: NonNegativeInt = 5
    sampling: Literal["even", "foreground"] = "even"
    foreground_weight: PositiveFloat = 5.0
    monitor: str = "val_loss"
    mode: Literal["auto", "min", "max"] = "auto"
    patience: NonNegativeInt = 10
    sample_epochs: PositiveInt | None = None
    sample_lr: PositiveFloat | None = None
    sample_batch_size: PositiveInt | None = None
    checkpoint_every: NonNegativeInt = 0
    threshold: OpenUnitInterval | Literal["auto"] = "auto"
    min_delta: NonNegativeFloat = 0.0
    gradient_clip: NonNegativeFloat = 0.0
    step_metrics: NonNegativeInt = 0
    previews: NonNegativeInt = 0
    log_gradient_norm: bool = False
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    gpu: NonNegativeInt | None = None
    workers: NonNegativeInt | Literal["auto"] = "auto"
    seed: NonNegativeInt = 62

    @property
    def monitor_mode(self) -> Literal["min", "max"]:
        """Whether a small or a large monitor is good."""
        if self.mode != "auto":
            return self.mode
        return "min" if self.monitor.removeprefix("val_") in SMALLER_IS_BETTER else "max"

    def improves(self, value: float, best: float) -> bool:
        """Whether a monitor is better than the best so far by more than ``min_delta``; any is better than NaN."""
        sign = 1 if self.monitor_mode == "max" else -1
        return best != best or sign * value > sign * best + self.min_delta

    @property
    def epoch_threshold(self) -> float:
        """Probability from which a pixel is foreground while the network is trained."""
        return 0.5 if self.threshold == "auto" else self.threshold


@dataclass(frozen=True)
class MirrorRecipe:
    """Where the records of a run go beside MLflow; docs/training.md says which.

    Attributes:
        csv: Write tables of epochs, steps and final scores.
        tensorboard: Write TensorBoard event files.
        wandb: Log to Weights & Biases; offline with WANDB_MODE=offline.
        project: Project at Weights & Biases; the recipe's name when null.
        name: Name of the run there; MLflow's when null.
    """

    csv: bool = False
    tensorboard: bool = False
    wandb: bool = False
    project: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Recipe:
    """One system from chips to a registered model.

    Attributes:
        recipe: Name of the recipe, a YAML file in configs/.
        title: One line for people.
        description: What the model finds, in what imagery, and what it is not for.
        keywords: Words a catalogue is searched by.
        license: SPDX identifier of the trained model's licence.
        providers: Who stands behind the model.
        model_name: Name in the registry; the recipe's name when null.
        output_dir: Folder that receives the exported files.
        resume: 'auto' carries on an unfinished run of the same recipe and data, 'never' starts anew, a path is a
            checkpoint to start from.
        log_dataset: Upload chips and labels as artifacts.
    """

    recipe: str = DEFAULT_RECIPE
    title: str = ""
    description: str = ""
    keywords: list[str] = field(default_factory=list)
    license: str = "Apache-2.0"
    providers: list[Provider] = field(default_factory=list)
    model_name: str | None = None
    output_dir: str = "meta"
    resume: str = "auto"
    log_dataset: bool = False
    data: DataRecipe = field(default_factory=DataRecipe)
    split: SplitRecipe = field(default_factory=SplitRecipe)
    network: NetworkRecipe = field(default_factory=NetworkRecipe)
    loss: LossRecipe = field(default_factory=LossRecipe)
    augmentation: AugmentationRecipe = field(default_factory=AugmentationRecipe)
    training: TrainingRecipe = field(default_factory=TrainingRecipe)
    mirror: MirrorRecipe = field(default_factory=MirrorRecipe)

    @property
    def registered_name(self) -> str:
        """Name of the registered model."""
        return self.model_name or self.recipe

    def flat(self) -> dict[str, Any]:
        """Every value under its dotted key."""
        return flatten(asdict(self))


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, under dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
