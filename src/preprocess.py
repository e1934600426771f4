"""The documented name of `prepare` from map tiles; without arguments it fetches a drone image of Banepa, Nepal.

python src/preprocess.py --zoom 19 --bbox 85.519,27.628,85.527,27.633 --tms https://host/{z}/{x}/{y} --train_dir data/t
mlflow run . -e preprocess -P zoom=18
"""

import sys

from prepare import prepare
from segmint.errors import one_line_errors
from segmint.sources.arguments import ZOOM, parse

if __name__ == "__main__":
    with one_line_errors():
        prepare(parse([f"--zoom={ZOOM}", *sys.argv[1:]]))
