import numpy as np
import pytest
import torch

from segmint.data.normalisation import Normaliser
from segmint.interface import Band, DerivedBand, Input, Normalisation
from segmint.models.normalisation import Normalisation as Graph

BANDS = (
    Band(name="red"),
    Band(name="nir"),
    Band(name="fuel", kind="categorical", categories=(1, 98)),
    Band(name="aspect", kind="circular"),
)
DERIVED = (
    DerivedBand(name="ndvi", kind="normalized_difference", of=("nir", "red")),
    DerivedBand(name="rest", kind="difference", of=("ndvi", "red")),
)


def item(derived=DERIVED) -> Input:
    figures = {
        "mean": (0.1, 0.3, 0, 0, 0.2, 0.1)[: 4 + len(derived)],
        "std": (0.5, 0.25, 1, 1, 0.5, 2)[: 4 + len(derived)],
    }
    return Input(
        bands=BANDS,
        source_dtype="float32",
        value_range=(0, 10_000),
        nodata=-1.0,
        normalisation=Normalisation(scale=10_000, offset=-0.1, derived=derived, source="training split", **figures),
    )


def test_every_kind_of_band_by_hand():
    raw = np.array([2000, 6000, 98, 90], np.float32)[:, None, None]
    red, nir = 0.1, 0.5
    ndvi = (nir - red) / (nir + red)
    expected = [(red - 0.1) / 0.5, (nir - 0.3) / 0.25, 0, 1, 1, 0, (ndvi - 0.2) / 0.5, (ndvi - red - 0.1) / 2]
    assert item().channels == ("red", "nir", "fuel=1", "fuel=98", "sin(aspect)", "cos(aspect)", "ndvi", "rest")
    np.testing.assert_allclose(Normaliser(item())(raw)[:, 0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(Graph(item())(torch.from_numpy(raw[None]))[0, :, 0, 0], expected, atol=1e-6)


def test_what_is_missing_is_zero_in_every_channel_it_feeds():
    raw = np.array([np.nan, 6000, 7, np.inf], np.float32)[:, None, None]
    for channels in (Normaliser(item())(raw)[:, 0, 0], Graph(item())(torch.from_numpy(raw[None]))[0, :, 0, 0].numpy()):
        assert channels[[0, 2, 3, 4, 5, 6, 7]].tolist() == [0] * 7
        assert channels[1] == pytest.approx(0.8)
    empty = np.full((4, 1, 1), -1, np.float32)
    assert not Normaliser(item())(empty).any()
    assert not Graph(item())(torch.from_numpy(empty[None])).any()


@pytest.mark.parametrize("derived", [(), DERIVED])
def test_training_and_graph_agree_on_random_rasters(derived):
    draw = np.random.default_rng(0)
    raw = draw.uniform(0, 10_000, (4, 32, 32)).astype(np.float32)
    raw[2] = draw.choice([1, 98, 5], (32, 32))
    raw[:, draw.random((32, 32)) < 0.1] = -1
    raw[0, draw.random((32, 32)) < 0.1] = np.nan
    ours, theirs = Normaliser(item(derived))(raw), Graph(item(derived))(torch.from_numpy(raw[None]))[0].numpy()
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_bands_may_stand_on_another_axis():
    wind = Input(
        name="wind",
        dimensions=("batch", "time", "bands"),
        steps=4,
        bands=(Band(name="speed"), Band(name="direction", kind="circular")),
        source_dtype="float32",
        value_range=(0, 360),
        normalisation=Normalisation(scale=1, mean=(10, 0), std=(5, 1), source="training split"),
    )
    answer = Graph(wind)(torch.tensor([[[20.0, 90.0], [5.0, 180.0]]]))
    torch.testing.assert_close(answer, torch.tensor([[[2.0, 1.0, 0.0], [-1.0, 0.0, -1.0]]]), atol=1e-6, rtol=0)
