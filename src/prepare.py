"""Make a built-in sample, which `train` also makes by itself where the folders of its recipe are empty.

python src/prepare.py
python src/prepare.py --sample burn
mlflow run . -e prepare -P sample=strips -P chips_dir=strips/images -P labels_dir=strips/masks

Folders that hold anything else are left alone.
"""

from argparse import ArgumentParser
from pathlib import Path

from segmint.errors import one_line_errors


def prepare(name: str, chips_dir: Path | None, labels_dir: Path | None, seed: int) -> None:
    """Make a sample, or leave it as it is where it stands already, and say what to do next."""
    from segmint.data.sample import find_sample, is_sample, make_sample

    sample = find_sample(name)
    chips = chips_dir or Path(sample.chips_dir)
    labels = labels_dir or (Path(sample.labels_dir) if sample.labels_dir else chips)
    also, beside = ("", "among them") if labels == chips else (f" and {labels}", f"in {labels}")
    if is_sample(chips) and labels.is_dir():
        print(f"sample: in {chips} already; remove it{also} to make another")
    else:
        count = make_sample(name, chips, labels, seed)
        print(f"sample: {count} {sample.unit} in {chips}, labels {beside}")
    recipe = "" if name == "camp" else f" --recipe {sample.recipe}"
    default = (chips, labels) == (Path(sample.chips_dir), Path(sample.labels_dir or sample.chips_dir))
    folders = "" if default else f" --chips_dir {chips} --labels_dir {labels}"
    print(f"next:   python src/train.py{recipe}{folders}{', or make train' if default and not recipe else ''}")


if __name__ == "__main__":
    parser = ArgumentParser(description="Make one of the built-in samples.", allow_abbrev=False)
    parser.add_argument("--sample", default="camp", help="camp, burn, strips or spread (%(default)s)")
    parser.add_argument("--chips_dir", type=Path, help="new or empty; by default that of the sample's recipe")
    parser.add_argument("--labels_dir", type=Path, help="new or empty; by default that of the recipe, or chips_dir")
    parser.add_argument("--seed", type=int, default=62, help="another seed draws another sample (%(default)s)")
    arguments = parser.parse_args()
    with one_line_errors():
        prepare(arguments.sample, arguments.chips_dir, arguments.labels_dir, arguments.seed)
