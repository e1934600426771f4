import pytest

from segmint.aliases import expand
from segmint.command_line import CONFIGS, parse, recipe_names
from segmint.errors import RecipeError


@pytest.mark.parametrize(
    ("line", "recipe", "expected"),
    [
        ("--patches-dir {d} --num-classes 2", "wildfire-del", {"data.chips_dir": "{d}", "data.labels_dir": None}),
        (
            "--patches-dir {d} --wandb --project fire-detection",
            "wildfire-del",
            {"mirror.wandb": True, "mirror.project": "fire-detection"},
        ),
        ("--config {c}/fire-spread.yaml --gpu 0", "", {"training.gpu": 0, "data.reader": "sequences"}),
        ("--config {c}/fire-spread.yaml --batch_size 20", "", {"training.batch_size": 20}),
        ("--reset", "lateral-flow", {"resume": "never"}),
        ("--checkpoint {f}", "lateral-flow", {"resume": "{f}"}),
        ("--epochs 10 --batch_size 16 --lr 5e-4", "refugee-camp", {"training.epochs": 10, "training.lr": 5e-4}),
        (
            "--focal-loss --weighted-sampling",
            "wildfire-gra",
            {"loss.focal": 0.5, "loss.bce": 0.0, "training.sampling": "foreground"},
        ),
        ("--wandb true --reset false", "wildfire-del", {"mirror.wandb": True, "resume": "auto"}),
    ],
)
def test_documented_command_lines_work(tmp_path, line, recipe, expected):
    checkpoint = tmp_path / "checkpoint.pth.tar"
    checkpoint.touch()
    places = {"d": tmp_path, "c": CONFIGS, "f": checkpoint}
    chosen = ["--recipe", recipe] if recipe else []
    flat = parse([*chosen, *(part.format(**places) for part in line.split())]).flat()
    for key, value in expected.items():
        assert flat[key] == (value.format(**places) if isinstance(value, str) else value)


def test_a_number_of_classes_that_the_recipe_has_not_names_the_recipe_that_has():
    with pytest.raises(RecipeError, match="wildfire-gra"):
        parse(["--recipe", "wildfire-del", "--num-classes", "5"])


def test_every_recipe_is_read_and_an_unknown_one_lists_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert {"refugee-camp", "wildfire-del", "wildfire-gra", "fire-spread", "lateral-flow"} <= set(recipe_names())
    for name in recipe_names():
        assert parse(["--recipe", name]).recipe == name
    with pytest.raises(RecipeError, match="wildfire-del"):
        parse(["--recipe", "wildfire"])


def test_the_documents_defaults_stand_and_a_sample_takes_a_few_epochs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    own = parse(["--recipe", "lateral-flow", "--chips_dir", "mine", "--labels_dir", "mine"])
    assert (own.training.epochs, own.training.batch_size, own.training.lr, own.data.tile_size) == (2000, 8, 1e-4, 512)
    assert (own.training.plateau_factor, own.training.plateau_patience) == (0.1, 3)
    sample = parse(["--recipe", "lateral-flow"])
    assert (sample.training.epochs, sample.data.tile_size) == (sample.training.sample_epochs, 64)
    assert parse(["--recipe", "lateral-flow", "--epochs", "7"]).training.epochs == 7
    drawn = parse(["--recipe", "fire-spread"]).training
    assert (drawn.epochs, drawn.lr) == (drawn.sample_epochs, drawn.sample_lr)
    assert parse(["--recipe", "fire-spread", "--lr", "0.5"]).training.lr == 0.5
    fire = parse(["--recipe", "wildfire-del", "--patches-dir", "mine"])
    assert (fire.training.epochs, fire.training.batch_size, fire.training.optimizer) == (50, 16, "adamw")
    assert (fire.training.monitor, fire.training.patience, fire.loss.bce, fire.loss.dice) == (
        "val_fire_iou",
        10,
        0.5,
        0.5,
    )
    spread = parse(["--recipe", "fire-spread", "--chips_dir", "mine", "--labels_dir", "null"])
    assert (spread.training.lr_temporal, spread.training.lr, spread.training.min_delta) == (1e-3, 1e-4, 1e-3)


def test_a_monitor_that_the_data_do_not_give_lists_those_they_do():
    with pytest.raises(RecipeError, match="val_iou"):
        parse(["--training.monitor", "val_fire_iou"])


def test_a_name_is_the_same_with_hyphens():
    assert expand(["--batch-size=4", "--lr-temporal", "1"]) == [
        "--training.batch_size=4",
        "--training.lr_temporal",
        "1",
    ]
