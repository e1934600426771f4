"""What every reopened format is: a function from raw chips to probabilities."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Raw values ``[N, C, H, W]`` float32 in stored units to probabilities ``[N, K, H, W]`` in 0..1."""


def torch_predict(model: Callable[[torch.Tensor], torch.Tensor]) -> Predict:
    """Wrap anything that takes and gives tensors."""

    def predict(raw: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(model(torch.from_numpy(raw)).numpy())

    return predict
