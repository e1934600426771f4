"""Predict scenes with a model: class maps and probabilities on the scene's own grid.

    python src/predict.py --model meta --input scene.tif --output_dir output
    mlflow run . -e predict -P model=models:/refugee-camp@candidate -P input=scenes -P probabilities=true

Values are checked before anything heavy is imported; ``--help`` lists every parameter.
"""

import sys
from pathlib import Path

from segmint.errors import one_line_errors
from segmint.inference.request import Request, parse


def predict(request: Request) -> None:
    """The way from a model and scenes to maps."""
    from segmint.console import quieten_libraries
    from segmint.inference import backend
    from segmint.inference.inputs import find_scenes
    from segmint.inference.job import Job
    from segmint.inference.models import find_model

    quieten_libraries()
    scenes = find_scenes(request.input)
    output = Path(request.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    with find_model(request.model) as files:
        chosen = backend.choose(files, request.backend)
        print(f"model:   {files.contract.name} from {request.model}")
        print(f"backend: {chosen.sentence()}", flush=True)
        job = Job(request, files, chosen)
        for stem, address in scenes.items():
            done = job.run(address, output, stem)
            print(f"files:   {', '.join(str(path) for path in done.files)}")
    print(f"next:    open {output} in QGIS or ArcGIS; the classes have their colours and names")


if __name__ == "__main__":
    with one_line_errors():
        predict(parse(sys.argv[1:]))
