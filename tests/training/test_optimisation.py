"""Steps of the recipe's optimisers, held against the formulas as torch's plain loops compute them."""

import pytest
import pytorch_lightning as lightning
import torch

from segmint.recipe import TrainingRecipe
from segmint.training.optimisation import _resume_anywhere, configure

PLAIN = {
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.01, weight_decay=0.1, fused=False, foreach=False),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=0.01, weight_decay=0.1, fused=False, foreach=False),
    "sgd": lambda weights: torch.optim.SGD(
        weights, lr=0.01, momentum=0.9, weight_decay=0.1, fused=False, foreach=False
    ),
}
LAYOUTS = {"rows": torch.contiguous_format, "pixels": torch.channels_last}


def convolution(layout):
    """Weights ``[4, 3, 3, 3]`` that are the same wherever they lie."""
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 4, 3).to(memory_format=LAYOUTS[layout])


def step(network, optimizer, seed):
    torch.manual_seed(seed)
    optimizer.zero_grad()
    network(torch.randn(2, 3, 8, 8)).square().mean().backward()
    optimizer.step()


def ours(network, name):
    return configure(network, TrainingRecipe(optimizer=name, lr=0.01, weight_decay=0.1))["optimizer"]


def equal(one, other):
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", sorted(PLAIN))
@pytest.mark.states(141)
def test_a_step_is_that_of_the_formula(name):
    network, plain = convolution("pixels"), convolution("rows")
    optimizer, formula = ours(network, name), PLAIN[name](plain.parameters())
    for seed in range(3):
        step(network, optimizer, seed)
        step(plain, formula, seed)
    equal(network, plain)


@pytest.mark.parametrize("name", sorted(PLAIN))
@pytest.mark.parametrize(("before", "after"), [("rows", "pixels"), ("pixels", "rows")])
def test_a_checkpoint_of_another_layout_and_way_is_carried_on(tmp_path, name, before, after):
    """As that of a machine with a GPU or AMX is, on one that has neither."""
    plain = convolution(before)
    formula = PLAIN[name](plain.parameters())
    for seed in range(3):
        step(plain, formula, seed)
    torch.save({"network": plain.state_dict(), "optimizer": formula.state_dict()}, tmp_path / "last.ckpt")

    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    network = convolution(after)
    network.load_state_dict(saved["network"])
    optimizer = ours(network, name)
    optimizer.load_state_dict(saved["optimizer"])
    assert optimizer.param_groups[0]["fused"] is True
    for seed in range(3, 6):
        step(network, optimizer, seed)
        step(plain, formula, seed)
    equal(network, plain)


class Task(lightning.LightningModule):
    def __init__(self, recipe):
        super().__init__()
        self.network, self.recipe, self.norms = convolution("pixels"), recipe, []

    def training_step(self, batch, _):
        return 1e6 * self.network(batch).square().mean()

    def on_before_zero_grad(self, optimizer):
        gradients = [weights.grad for weights in self.parameters() if weights.grad is not None]
        self.norms += [float(torch.nn.utils.get_total_norm(gradients))] if gradients else []

    def configure_optimizers(self):
        return configure(self.network, self.recipe)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_are_clipped_in_every_precision(precision):
    task = Task(TrainingRecipe(gradient_clip=0.5))
    trainer = lightning.Trainer(
        accelerator="cpu",
        precision=precision,
        gradient_clip_val=0.5,
        max_steps=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, torch.utils.data.DataLoader(torch.randn(4, 3, 8, 8), batch_size=2))
    assert task.norms
    assert task.norms == pytest.approx([0.5] * len(task.norms), rel=1e-3)


def test_an_optimiser_that_cannot_be_fused_is_carried_on_too():
    network = convolution("rows")
    optimizer = torch.optim.RMSprop(network.parameters(), lr=0.01)
    _resume_anywhere(optimizer)
    step(network, optimizer, 0)
    again = torch.optim.RMSprop(network.parameters(), lr=0.01)
    _resume_anywhere(again)
    again.load_state_dict(optimizer.state_dict())
    for mine, theirs in zip(again.state.values(), optimizer.state.values(), strict=True):
        torch.testing.assert_close(mine["square_avg"], theirs["square_avg"])


def test_half_a_cosine_is_torch_s_own():
    ours = configure(convolution("rows"), TrainingRecipe(scheduler="cosine", lr=0.01, epochs=7))
    theirs = torch.optim.SGD(convolution("rows").parameters(), lr=0.01)
    schedule, expected = ours["lr_scheduler"], torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 7)
    for _ in range(7):
        assert schedule.get_last_lr() == pytest.approx(expected.get_last_lr())
        theirs.step()
        ours["optimizer"].step()
        schedule.step()
        expected.step()
    assert schedule.get_last_lr() == pytest.approx([0])
