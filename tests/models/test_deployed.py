import json

import numpy as np
import pytest
import torch
from torch import nn

from segmint.export.series import describe
from segmint.models.deployed import DeployedModel, rebuilt


class _Sum(nn.Module):
    """Logit = sum over bands, so that the arithmetic around the network can be done by hand."""

    def forward(self, x):
        return x.sum(1, keepdim=True)


class _Identity(nn.Module):
    def forward(self, x):
        return x


def test_raw_values_become_probabilities_by_the_formula(make_contract):
    contract = make_contract()
    raw = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8)).astype(np.float64)
    mean = np.array(contract.normalisation.mean)[:, None, None]
    std = np.array(contract.normalisation.std)[:, None, None]
    logits = ((raw / 255.0 - mean) / std).sum(1, keepdims=True) / contract.output.temperature
    expected = 1 / (1 + np.exp(-logits))
    answer = DeployedModel(_Sum(), contract)(torch.tensor(raw, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_several_classes_sum_to_one(make_contract):
    contract = make_contract(bands=4, classes=4)
    answer = DeployedModel(_Identity(), contract)(torch.rand(2, 4, 8, 8) * 255)
    torch.testing.assert_close(answer.sum(1), torch.ones(2, 8, 8))


@pytest.mark.parametrize("hole", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_counts_as_the_band_mean(make_contract, hole):
    contract = make_contract()
    raw = torch.full((1, 3, 4, 4), 100.0)
    filled = raw.clone()
    raw[0, 1, 2, 2] = hole
    filled[0, 1, 2, 2] = 255 * contract.normalisation.mean[1]
    model = DeployedModel(_Sum(), contract)
    torch.testing.assert_close(model(raw), model(filled))


def test_nodata_counts_only_where_every_band_has_it(make_contract):
    contract = make_contract(nodata=0.0)
    model = DeployedModel(_Sum(), contract)
    one_band = torch.full((1, 3, 1, 1), 100.0)
    one_band[0, 0] = 0
    dark_red = torch.tensor([(0 / 255 - 0.3) / 0.2 + (100 / 255 - 0.35) / 0.21 + (100 / 255 - 0.4) / 0.22])
    torch.testing.assert_close(model(one_band).flatten(), torch.sigmoid(dark_red / 1.7))
    torch.testing.assert_close(model(torch.zeros(1, 3, 1, 1)).flatten(), torch.tensor([0.5]))


def test_training_and_deployed_normalisation_agree(make_contract):
    from segmint.data.normalisation import Normaliser

    contract = make_contract(nodata=0.0)
    raw = np.random.default_rng(1).integers(0, 3, (3, 16, 16)).astype(np.uint8)
    ours = Normaliser(contract.input)(raw)
    model = DeployedModel(_Identity(), contract.model_copy(update={"output": make_contract(classes=3).output}))
    theirs = torch.log(model(torch.from_numpy(raw[None].astype(np.float32))))[0].numpy() * contract.output.temperature
    np.testing.assert_allclose(theirs - theirs[0], ours - ours[0], atol=2e-4)


def test_a_contract_rebuilds_the_network_with_its_options_and_one_without_them_as_it_was(spread_contract):
    options = {"d_model": 16, "nhead": 2, "num_layers": 1, "spatial_decoder": "unet", "dropout": 0.0}
    network = spread_contract.network.model_copy(update={"options": options})
    written = spread_contract.model_copy(update={"network": network}).model_dump_json()
    contract = type(spread_contract).parse(written, "here")
    assert contract.network.options == options
    assert contract.network.title == "emberformer (unet decoder)"
    for form in (contract, describe(contract)):
        series = rebuilt(form).network if len(form.inputs) > 1 else rebuilt(form).network.series
        assert series.temporal.norm.normalized_shape == (16,)
        assert len(series.temporal.layers) == 1
    old = json.loads(written)
    del old["network"]["options"]
    series = rebuilt(type(contract).parse(json.dumps(old), "here")).network.series
    assert series.temporal.norm.normalized_shape == (96,)
    assert len(series.temporal.layers) == 4
