import pytest

from segmint.aliases import ALIASES, FOLDERS, SWITCHES, expand
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
        ("--weighted-sampling false", "wildfire-del", {"training.sampling": "even"}),
        ("--weighted_sampling=False", "wildfire-del", {"training.sampling": "even"}),
        ("--no-class-weights false", "refugee-camp", {"loss.class_weights": "inverse_frequency"}),
        ("--no-fire-augment false", "wildfire-del", {"augmentation.strong": 1.5}),
        ("--focal-loss false", "wildfire-del", {"loss.bce": 0.5, "loss.focal": 0.0}),
        ("--skip-wandb true", "wildfire-del", {"mirror.wandb": False}),
        ("--checkpoint {f} --reset false", "lateral-flow", {"resume": "{f}"}),
        ("--use_dice false", "fire-spread", {"loss.bce": 0.5, "loss.dice": 0.0}),
        ("--early_stopping false", "fire-spread", {"training.patience": 0}),
        ("--early_stopping.patience 5 --early_stopping.min_delta=0.005", "fire-spread", {"training.patience": 5}),
        ("--monitor val/iou --mode max", "fire-spread", {"training.monitor": "val_iou", "training.mode": "max"}),
        ("--early_stopping.monitor=val/prec_epoch", "fire-spread", {"training.monitor": "val_precision"}),
        ("--metrics.pred_thresh 0.6", "fire-spread", {"training.threshold": 0.6}),
    ],
)
@pytest.mark.states(26, 43)
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


@pytest.mark.states(45, 46, 47, 48, 49)
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
    assert (fire.training.lr, fire.network.encoder, fire.network.architecture) == (1e-4, "resnet34", "unet")
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


@pytest.mark.parametrize("switch", ["wandb", "reset", "early_stopping", "weighted_sampling"])
def test_a_switch_that_is_neither_true_nor_false_is_refused(switch):
    for written in ([f"--{switch}=maybe"], [f"--{switch}", "maybe"]):
        with pytest.raises(RecipeError, match="true or false"):
            parse(written)


DOCUMENTED = """
base: fire-spread
model:
  loss: {use_dice: true, bce_weight: 0.7, dice_weight: 0.3}
early_stopping: {enabled: true, patience: 15, min_delta: 0.0001, monitor: val/iou, mode: max}
metrics: {pred_thresh: 0.6}
training: {lr_spatial: 0.0002}
"""


def written(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return parse(["--config", str(path)])


def test_a_file_with_the_documented_keys_is_read(tmp_path):
    recipe = written(tmp_path, DOCUMENTED)
    assert (recipe.loss.bce, recipe.loss.dice) == (0.7, 0.3)
    training = recipe.training
    assert (training.patience, training.min_delta, training.monitor, training.mode) == (15, 0.0001, "val_iou", "max")
    assert (training.threshold, training.lr) == (0.6, 0.0002)


def test_a_documented_switch_in_a_file_has_the_last_word_wherever_it_stands(tmp_path):
    never = written(tmp_path, "base: fire-spread\nearly_stopping: {enabled: false, patience: 5}\n")
    assert never.training.patience == 0
    plain = written(tmp_path, "base: fire-spread\nloss: {use_dice: false, dice_weight: 0.3, bce_weight: 1.0}\n")
    assert (plain.loss.bce, plain.loss.dice) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: {patience: 3}\nearly_stopping: {patience: 5}\n", "training.patience"),
        ("early_stopping: {enabled: perhaps}\n", "true or false"),
        ("early_stopping: {patience: lots}\n", "training.patience"),
        ("early_stopping: {pateince: 5}\n", "there is no recipe key 'early_stopping.pateince'"),
        ("model: {loss: {bce_wieght: 5}}\n", "there is no recipe key 'model.loss.bce_wieght'"),
    ],
)
def test_a_documented_key_that_cannot_be_read_is_one_line(tmp_path, text, words):
    with pytest.raises(RecipeError) as caught:
        written(tmp_path, text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spelled", ["--help_all", "--help-all"])
def test_every_documented_name_is_listed_by_help_all_and_in_the_docs(capsys, spelled):
    with pytest.raises(SystemExit) as ended:
        parse([spelled])
    assert ended.value.code == 0
    listed, page = capsys.readouterr().out, (CONFIGS.parent / "docs" / "names.md").read_text(encoding="utf-8")
    for name in (*ALIASES, *SWITCHES, *FOLDERS):
        assert f"\n  --{name} " in listed
        assert f"`--{name}`" in page
