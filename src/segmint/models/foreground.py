"""What probabilities say about the foreground, every class above 0: where it is, whether, how surely, how much.

Probabilities are ``[B, K, H, W]`` in 0..1: K = 1 is the foreground alone (sigmoid), otherwise class 0 is the background
(softmax). Class maps are ``[B, H, W]`` and hold class values only: pixels to be ignored are taken out of labels first.

Example:
    >>> probabilities = torch.tensor([[[[0.1, 0.2], [0.3, 0.9]]]])
    >>> classes = segmentation(probabilities, 0.5)
    >>> detection(classes), confidence(probabilities), fraction(classes)
    (tensor([True]), tensor([0.9000]), tensor([0.2500]))
"""

import torch


def segmentation(probabilities: torch.Tensor, threshold: float) -> torch.Tensor:
    """Class values ``[B, H, W]``: 1 from the threshold up for K = 1, the most probable class otherwise."""
    if probabilities.shape[1] == 1:
        return (probabilities[:, 0] >= threshold).long()
    return probabilities.argmax(dim=1)


def detection(classes: torch.Tensor) -> torch.Tensor:
    """Whether an image has any pixel of the foreground, ``[B]`` bool, of class values ``[B, H, W]``."""
    return (classes > 0).flatten(start_dim=1).any(dim=1)


def confidence(probabilities: torch.Tensor) -> torch.Tensor:
    """Largest probability of the foreground over an image's pixels, ``[B]`` in 0..1, its classes added up."""
    foreground = probabilities if probabilities.shape[1] == 1 else probabilities[:, 1:]
    # a sum of softmax values can pass 1 by a rounding error
    return foreground.sum(dim=1).amax(dim=(1, 2)).clamp(max=1)


def fraction(classes: torch.Tensor) -> torch.Tensor:
    """Share of an image's pixels that are foreground, ``[B]`` in 0..1, of class values ``[B, H, W]``."""
    return (classes > 0).float().mean(dim=(1, 2))
