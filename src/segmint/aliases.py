"""Documented names on the command line and in YAML files, and the recipe keys that they stand for.

They are the same for every recipe. On the command line a name may be written with hyphens or underscores.
``docs/names.md`` shows the table to people.

Example:
    >>> expand(["--patches-dir", "patches", "--reset"])
    ['--data.chips_dir', 'patches', '--data.labels_dir', 'null', '--resume', 'never']
"""

from collections.abc import Iterator
from typing import Any

from segmint.errors import RecipeError

ALIASES = {
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "lr": "training.lr",
    "lr_spatial": "training.lr",
    "lr_temporal": "training.lr_temporal",
    "weight_decay": "training.weight_decay",
    "patience": "training.patience",
    "min_delta": "training.min_delta",
    "monitor": "training.monitor",
    "mode": "training.mode",
    "save_every": "training.checkpoint_every",
    "num_workers": "training.workers",
    "precision": "training.precision",
    "gpu": "training.gpu",
    "fire_weight": "training.foreground_weight",
    "pred_thresh": "training.threshold",
    "chips_dir": "data.chips_dir",
    "labels_dir": "data.labels_dir",
    "num_classes": "data.num_classes",
    "encoder": "network.encoder",
    "architecture": "network.architecture",
    "d_model": "network.d_model",
    "nhead": "network.nhead",
    "num_layers": "network.num_layers",
    "decoder": "network.spatial_decoder",
    "bce_weight": "loss.bce",
    "dice_weight": "loss.dice",
    "checkpoint": "resume",
    "project": "mirror.project",
    "run_name": "mirror.name",
}
"""Short name -> recipe key; a value follows."""

SWITCHES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "reset": ({"resume": "never"}, {}),
    "wandb": ({"mirror.wandb": True}, {"mirror.wandb": False}),
    "tensorboard": ({"mirror.tensorboard": True}, {"mirror.tensorboard": False}),
    "skip_wandb": ({"mirror.wandb": False}, {"mirror.wandb": True}),
    "no_tensorboard": ({"mirror.tensorboard": False}, {"mirror.tensorboard": True}),
    "weighted_sampling": ({"training.sampling": "foreground"}, {"training.sampling": "even"}),
    "no_class_weights": ({"loss.class_weights": "none"}, {"loss.class_weights": "inverse_frequency"}),
    "no_fire_augment": ({"augmentation.strong": 1.0}, {}),
    "focal_loss": ({"loss.bce": 0.0, "loss.focal": 0.5}, {"loss.focal": 0.0}),
    "use_dice": ({}, {"loss.dice": 0.0}),
    "early_stopping": ({}, {"training.patience": 0}),
}
"""Short name -> the values that it sets with true (or alone), and with false; without any it leaves the recipe's."""

FOLDERS = {"patches_dir": ("data.chips_dir", "data.labels_dir")}
"""Short name of a folder that holds images and labels together -> the key it sets, and the one it empties."""

SECTIONS = ("model", "model.loss", "early_stopping", "metrics")
"""Sections of the documented YAML files, below which short names stand; they also stand in the section of their key."""

_METRICS = {"prec": "precision", "rec": "recall"}
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def expand(arguments: list[str]) -> list[str]:
    """Command line with every documented name replaced.

    Raises:
        RecipeError: A switch that is neither true nor false.
    """
    expanded: list[str] = []
    given = _Given(arguments)
    for argument in given:
        if not argument.startswith("--"):
            expanded += ["--resume", "never"] if argument == "-r" else [argument]
            continue
        name, equals, value = argument.removeprefix("--").partition("=")
        short = short_name(name)
        if short == "help_all":
            expanded.append("--help_all")
        elif short in SWITCHES:
            word = value if equals else "true" if given.next_is_a_name() else next(given)
            expanded += [part for key, set_to in switched(name, word).items() for part in (f"--{key}", str(set_to))]
        elif short in FOLDERS:
            key, emptied = FOLDERS[short]
            expanded += [f"--{key}", value if equals else next(given, ""), f"--{emptied}", "null"]
        elif ALIASES.get(short, name) == "training.monitor":
            expanded += ["--training.monitor", metric(value if equals else next(given, ""))]
        else:
            expanded.append(f"--{ALIASES.get(short, name)}{equals}{value}")
    return expanded


def recipe_keys(written: dict[str, Any]) -> dict[str, Any]:
    """Values of a YAML file under recipe keys, where they may stand under documented ones.

    Args:
        written: Dotted key -> value.

    Raises:
        RecipeError: A key that is given twice, or a switch that is neither true nor false.
    """
    found: dict[str, tuple[str, Any]] = {}
    for name, value in written.items():
        if (short := short_name(name)) in SWITCHES:
            continue
        key = ALIASES.get(short, name)
        if key in found:
            raise RecipeError(f"{name} and {found[key][0]} are the same key", f"{key} alone")
        found[key] = name, metric(value) if key == "training.monitor" else value
    values = {key: value for key, (_, value) in found.items()}
    for name, value in written.items():  # a switch has the last word, wherever it stands
        if short_name(name) in SWITCHES:
            values |= switched(name, str(value))
    return values


def short_name(name: str) -> str:
    """The short name that a documented name is: ``bce_weight`` for ``model.loss.bce_weight`` and ``bce-weight``."""
    spelled = name.replace("-", "_")
    section, _, last = spelled.rpartition(".")
    if spelled == "early_stopping.enabled":
        return section
    keys = [ALIASES[last]] if last in ALIASES else [key for values in SWITCHES.get(last, ()) for key in values]
    return last if any(section in (*SECTIONS, key.partition(".")[0]) for key in keys) else spelled


def switched(name: str, word: str) -> dict[str, Any]:
    """The values that a switch sets, by their keys.

    Raises:
        RecipeError: The word is neither true nor false.
    """
    if word.lower() not in (*_TRUE, *_FALSE):
        raise RecipeError(f"{name}: '{word}'", "true or false")
    on, off = SWITCHES[short_name(name)]
    return on if word.lower() in _TRUE else off


def metric(documented: str) -> str:
    """Our name of a documented metric: ``val_precision`` for ``val/prec_epoch``."""
    split, slash, name = documented.partition("/")
    if not slash:
        return documented
    name = name.removesuffix("_epoch")
    return f"{split}_{_METRICS.get(name, name)}"


class _Given(Iterator[str]):
    """Arguments one by one, with a look at the one that comes next."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments, self.place = arguments, 0

    def __next__(self) -> str:
        if self.place == len(self.arguments):
            raise StopIteration
        self.place += 1
        return self.arguments[self.place - 1]

    def next_is_a_name(self) -> bool:
        return self.place == len(self.arguments) or self.arguments[self.place].startswith("-")
