"""Make the built-in sample, which `train` also makes by itself where its default folders are empty.

python src/prepare.py
mlflow run . -e prepare -P chips_dir=sample/chips -P labels_dir=sample/labels

Folders that hold anything else are left alone.
"""

from argparse import ArgumentParser
from pathlib import Path

from segmint.errors import one_line_errors
from segmint.recipe import SAMPLE_CHIPS, SAMPLE_LABELS


def prepare(chips_dir: Path, labels_dir: Path, seed: int) -> None:
    """Make the sample, or leave it as it is where it stands already, and say what to do next."""
    from segmint.data.sample import is_sample, make_sample

    if is_sample(chips_dir) and labels_dir.is_dir():
        print(f"sample: in {chips_dir} already; remove it and {labels_dir} to make another")
    else:
        count = make_sample(chips_dir, labels_dir, seed)
        print(f"sample: {count} chips in {chips_dir}, labels in {labels_dir}")
    default = (chips_dir, labels_dir) == (Path(SAMPLE_CHIPS), Path(SAMPLE_LABELS))
    folders = "" if default else f" --chips_dir {chips_dir} --labels_dir {labels_dir}"
    print(f"next:   python src/train.py{folders}{', or make train' if default else ''}")


if __name__ == "__main__":
    parser = ArgumentParser(description="Make the built-in sample of drawn camps.", allow_abbrev=False)
    parser.add_argument("--chips_dir", type=Path, default=Path(SAMPLE_CHIPS), help="new or empty (%(default)s)")
    parser.add_argument("--labels_dir", type=Path, default=Path(SAMPLE_LABELS), help="new or empty (%(default)s)")
    parser.add_argument("--seed", type=int, default=62, help="another seed draws other camps (%(default)s)")
    arguments = parser.parse_args()
    with one_line_errors():
        prepare(arguments.chips_dir, arguments.labels_dir, arguments.seed)
