import os

import torch

from segmint.processor import cores, has_amx
from segmint.recipe import TrainingRecipe
from segmint.training.hardware import choose


def test_the_choice_says_its_reason():
    chosen = choose(TrainingRecipe())
    assert chosen.threads == cores() <= os.cpu_count()
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert chosen.accelerator == "cpu"
        assert chosen.precision == ("bf16-mixed" if has_amx() else "32-true")
        assert "AMX" in chosen.reason


def test_the_recipe_overrides_the_choice():
    chosen = choose(TrainingRecipe(precision="bf16-mixed", workers=3))
    assert (chosen.precision, chosen.workers) == ("bf16-mixed", 3)
    assert "recipe asks" in chosen.reason
