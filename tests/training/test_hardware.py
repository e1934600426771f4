import os

import pytest
import torch

from segmint.processor import cores, has_amx
from segmint.recipe import NetworkRecipe, Recipe, TrainingRecipe
from segmint.training.hardware import choose


@pytest.mark.states(185, 285)
def test_the_choice_says_its_reason():
    chosen = choose(Recipe())
    assert chosen.threads == cores() <= os.cpu_count()
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert chosen.accelerator == "cpu"
        assert chosen.precision == ("bf16-mixed" if has_amx() else "32-true")
        assert "AMX" in chosen.reason


def test_the_recipe_overrides_the_choice():
    chosen = choose(Recipe(training=TrainingRecipe(precision="bf16-mixed", workers=3)))
    assert (chosen.precision, chosen.workers) == ("bf16-mixed", 3)
    assert "recipe asks" in chosen.reason


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="the choice of a processor")
@pytest.mark.parametrize(
    ("architecture", "precision", "channels_last"),
    [("unetplusplus", "32-true", False), ("unetplusplus", "bf16-mixed", True), ("unet", "32-true", True)],
)
def test_a_processor_keeps_the_layout_that_trains_faster(architecture, precision, channels_last):
    recipe = Recipe(network=NetworkRecipe(architecture=architecture), training=TrainingRecipe(precision=precision))
    assert choose(recipe).channels_last is channels_last
    assert ("channels_last" in choose(recipe).reason) is channels_last
