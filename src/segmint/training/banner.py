"""What is about to be trained, for a person.

Example:
    >>> print(banner(session))
    model:    unet-resnet34, 24,436,369 parameters, imagenet weights of resnet34, from the local cache
    ...
"""

from segmint.training.optimisation import configure
from segmint.training.session import Session


def banner(session: Session) -> str:
    """Model, data, training and hardware, a line each."""
    training, network = session.recipe.training, session.network
    stop = f"after {training.patience} epochs without progress of {training.monitor}" if training.patience else "never"
    tiles = {split: len(session.dataset(split)) for split in session.loaders}
    losses = " + ".join(f"{weight:g} {name}" for name, weight in session.task.loss.weights.items())
    *parts, group = configure(session.task.network, training)["optimizer"].param_groups
    rates = ", ".join([f"lr {group['lr']:g}", *(f"{part['name']} part {part['lr']:g}" for part in parts)])
    missed = network.encoder and session.recipe.network.weights and not session.origin.pretrained
    warning = "WARNING no pretrained weights, " if missed else ""
    return "\n".join(
        (
            f"model:    {network.title}, {network.parameters:,} parameters, {warning}{session.origin.reason}",
            f"data:     {tiles['train']} train, {tiles['val']} val, {tiles['test']} test tiles of "
            f"{session.recipe.data.tile_size} px, {session.normalisation.words}",
            f"training: {training.epochs} epochs at most, {session.capacity.reason}, {training.optimizer}, "
            f"{rates}, loss {losses}, stops early {stop}",
            f"hardware: {session.hardware.reason}",
        )
    )
