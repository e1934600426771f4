"""A packed fire-spread model with random weights, and histories answered by the training path."""

import numpy as np
import pytest
import torch

from segmint.contract import ModelContract
from segmint.data.normalisation import Normaliser
from segmint.export.parity import ParitySample
from segmint.interface import Band, Input, Normalisation
from segmint.models.deployed import DeployedModel

STEPS, SIZE = 4, 32
AGES = range(STEPS - 1, -1, -1)
BANDS = (
    *(Band(name=f"fire_t-{age}", kind="categorical", categories=(0, 1)) for age in AGES),
    *(Band(name=f"wind_speed_t-{age}", value_range=(0, 20)) for age in AGES),
    *(Band(name=f"wind_direction_t-{age}", kind="circular") for age in AGES),
    Band(name="elevation"),
    Band(name="fuel", kind="categorical", categories=(1, 2)),
)
FIGURES = {"wind_speed": (8.0, 3.0), "elevation": (1500.0, 200.0)}


@pytest.fixture(scope="session")
def spread_contract(make_contract) -> ModelContract:
    rows = [FIGURES.get(band.name.partition("_t-")[0], (0.0, 1.0)) for band in BANDS]
    norm = Normalisation(
        scale=1.0, mean=tuple(row[0] for row in rows), std=tuple(row[1] for row in rows), source="training split"
    )
    raster = Input(bands=BANDS, source_dtype="float32", value_range=(-1, 2000), normalisation=norm)
    base = make_contract(size=SIZE)
    network = base.network.model_copy(update={"architecture": "emberformer", "encoder": None})
    return base.model_copy(update={"inputs": (raster,), "network": network})


@pytest.fixture(scope="session")
def sample_and_model(spread_contract) -> tuple[ParitySample, DeployedModel]:
    """Chips with 1 to 4 real steps, wind that varies over the raster, and gaps; answered by the training path."""
    draw = np.random.default_rng(0)
    chips = np.full((4, len(BANDS), SIZE, SIZE), np.nan, np.float32)
    chips[:, :STEPS] = -1
    for row in range(4):
        start = STEPS - 1 - row
        size = (row + 1, SIZE, SIZE)
        chips[row, start:STEPS] = draw.integers(0, 2, size)
        chips[row, STEPS + start : 2 * STEPS] = draw.uniform(0, 20, size)
        chips[row, 2 * STEPS + start : 3 * STEPS] = draw.uniform(0, 360, size)
        chips[row, 3 * STEPS] = draw.uniform(1000, 2000, (SIZE, SIZE))
        chips[row, 3 * STEPS + 1] = draw.integers(0, 4, (SIZE, SIZE))
    chips[2, STEPS - 1, :10] = -1
    chips[1, 3 * STEPS, 5:9] = np.nan
    chips[3, 2 * STEPS - 1, 20:] = np.nan
    torch.manual_seed(0)
    model = DeployedModel.from_contract(spread_contract).eval()
    model.network.series.last_frame.data.fill_(0.1)  # an untrained network repeats the last frame; this one does not
    model.network.series.temporal.norm.weight.data.fill_(20)
    normalised = np.stack([Normaliser(spread_contract.input)(chip) for chip in chips])
    with torch.no_grad():
        logits = model.network(torch.from_numpy(normalised)).numpy()
    probabilities = 1 / (1 + np.exp(-logits / spread_contract.output.temperature))
    return ParitySample(chips, probabilities.astype(np.float32), ("a", "b", "c", "d")), model
