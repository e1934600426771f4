"""Predict scenes with a model: class maps, probabilities and polygons on the scene's own grid.

    python src/predict.py --model meta --input scene.tif --output_dir output
    mlflow run . -e predict -P model=models:/refugee-camp@candidate -P input=scenes -P polygons=gpkg

Values are checked before anything heavy is imported; ``--help`` lists every parameter. The same command again leaves
finished scenes alone.
"""

import sys
from functools import partial

from segmint.errors import one_line_errors
from segmint.inference.request import Request, parse
from segmint.interruption import Interrupted


def predict(request: Request) -> None:
    """The way from a model and scenes to maps."""
    from segmint.console import quieten_libraries
    from segmint.inference.inputs import find_scenes, require_output
    from segmint.inference.job import Job
    from segmint.inference.manifest import Manifest
    from segmint.inference.models import find_model
    from segmint.interruption import interruptible

    quieten_libraries()
    scenes = find_scenes(request.input)
    output = require_output(request.output_dir, scenes)

    with interruptible(), find_model(request.model) as found:
        files = found.with_fit(request.fit)
        job = Job(request, files)
        print(f"model:   {files.contract.name} from {request.model}", flush=True)
        manifest = Manifest.begin(output, scenes)
        for stem, address in scenes.items():
            manifest.predict(stem, partial(job.run, address, output, stem))
        if request.mlflow_tracking:
            from segmint.tracking.prediction import log_prediction

            print(f"run:     {log_prediction(request.parameters(), job.model, manifest.files())}")
        manifest.require_all()

    print(f"results: {output}/, start with {next(iter(scenes))}_overlay.png")
    print(f"next:    open {output}/{next(iter(scenes))}_classes.tif in QGIS or ArcGIS Pro")


def main(arguments: list[str]) -> None:
    """Predict, and say in one line what cannot be done, or that somebody stopped it."""
    with one_line_errors():
        request = parse(arguments)
        try:
            predict(request)
        except Interrupted as interruption:
            kept = "the same command carries on" if request.resume else "finished scenes stay, nothing half is left"
            print(f"stopped by {interruption}: {kept}", file=sys.stderr)
            raise SystemExit(130) from None


if __name__ == "__main__":
    main(sys.argv[1:])
