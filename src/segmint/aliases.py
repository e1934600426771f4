"""Documented short names of the command line and the recipe keys they stand for; the same for every recipe.

A name may be written with hyphens or underscores. ``docs/names.md`` shows the table to people.

Example:
    >>> expand(["--patches-dir", "patches", "--reset"])
    ['--data.chips_dir', 'patches', '--data.labels_dir', 'null', '--resume', 'never']
"""

from collections.abc import Iterator

ALIASES = {
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "lr": "training.lr",
    "lr_spatial": "training.lr",
    "lr_temporal": "training.lr_temporal",
    "weight_decay": "training.weight_decay",
    "patience": "training.patience",
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
    "bce_weight": "loss.bce",
    "dice_weight": "loss.dice",
    "checkpoint": "resume",
    "project": "mirror.project",
    "run_name": "mirror.name",
}
"""Short name -> recipe key; a value follows."""

SWITCHES = {
    "reset": {"resume": "never"},
    "wandb": {"mirror.wandb": "true"},
    "tensorboard": {"mirror.tensorboard": "true"},
    "skip_wandb": {"mirror.wandb": "false"},
    "no_tensorboard": {"mirror.tensorboard": "false"},
    "weighted_sampling": {"training.sampling": "foreground"},
    "no_class_weights": {"loss.class_weights": "none"},
    "no_fire_augment": {"augmentation.strong": "1.0"},
    "focal_loss": {"loss.bce": "0.0", "loss.focal": "0.5"},
}
"""Short name -> the values it sets; it stands alone or, as from ``mlflow run -P``, with true or false."""

FOLDERS = {"patches_dir": ("data.chips_dir", "data.labels_dir")}
"""Short name of a folder that holds images and labels together -> the key it sets, and the one it empties."""


def expand(arguments: list[str]) -> list[str]:
    """Command line with every short name replaced."""
    expanded: list[str] = []
    given = _Given(arguments)
    for argument in given:
        name, equals, value = argument.removeprefix("--").partition("=")
        short = name.replace("-", "_")
        if not argument.startswith("--"):
            expanded += ["--resume", "never"] if argument == "-r" else [argument]
        elif short in SWITCHES:
            if not equals and given.next_is("true", "false"):
                value = next(given)
            if value.lower() != "false":
                expanded += [part for key, setting in SWITCHES[short].items() for part in (f"--{key}", setting)]
        elif short in FOLDERS:
            key, emptied = FOLDERS[short]
            expanded += [f"--{key}", value if equals else next(given, ""), f"--{emptied}", "null"]
        else:
            expanded.append(f"--{ALIASES.get(short, name)}{equals}{value}")
    return expanded


class _Given(Iterator[str]):
    """Arguments one by one, with a look at the one that comes next."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments, self.place = arguments, 0

    def __next__(self) -> str:
        if self.place == len(self.arguments):
            raise StopIteration
        self.place += 1
        return self.arguments[self.place - 1]

    def next_is(self, *words: str) -> bool:
        return self.place < len(self.arguments) and self.arguments[self.place].lower() in words
