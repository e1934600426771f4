"""Evaluate a model on labelled chips or scenes: the metrics and the report of training, and scores of whole objects.

    python src/evaluate.py --model models:/refugee-camp@champion --chips_dir D1 --labels_dir D2
    mlflow run . -e evaluate -P model=meta -P input=scenes -P labels=truth.gpkg

Values are checked before anything heavy is imported; ``--help`` lists every parameter.
"""

import sys

from segmint.errors import one_line_errors
from segmint.evaluation.request import Request, parse
from segmint.interruption import Interrupted


def evaluate(request: Request, arguments: tuple[str, ...]) -> None:
    """The way from a model and labelled data to figures and a report."""
    from segmint.console import quieten_libraries
    from segmint.evaluation import report
    from segmint.evaluation.labelled import open_labelled
    from segmint.evaluation.outcome import Settings
    from segmint.evaluation.reading import reading
    from segmint.inference import backend
    from segmint.inference.models import find_model
    from segmint.inference.runtimes import EXACT
    from segmint.inference.symmetry import symmetric
    from segmint.inference.work import workplace
    from segmint.interruption import interruptible

    quieten_libraries()
    output = report.require_output(request.output_dir)
    with interruptible(), find_model(request.model) as found, workplace(output, "evaluation", "", False) as scratch:
        files = found.with_fit(request.fit)
        settings = Settings.of(request, files.contract)
        data = reading(files.contract, arguments, request.chips_dir, request.labels_dir)
        labelled = open_labelled(request, data, files.contract, scratch)
        chosen = backend.choose(files, request.backend, EXACT)
        print(f"model:   {files.contract.name} from {request.model}")
        print(f"backend: {chosen.sentence()}", flush=True)

        outcome = labelled.score(settings, symmetric(chosen.predict) if request.tta else chosen.predict)
        about = report.About.of(request, settings, labelled, files.describe(chosen.form), chosen.sentence())
        written = report.write(output, files.contract, outcome, about)
        for note in about.notes:
            print(f"note:    {note}")
        print(outcome.summary())
        if request.mlflow_tracking:
            from segmint.tracking.evaluation import log_evaluation

            metrics = outcome.metrics()
            run = log_evaluation(about.parameters, about.model, metrics, about.digest, output, written)
            print(f"run:     {run}")
    print(f"results: {output}/, start with {output}/report.html")


def main(arguments: list[str]) -> None:
    """Evaluate, and say in one line what cannot be done, or that somebody stopped it."""
    with one_line_errors():
        request, reading = parse(arguments)
        try:
            evaluate(request, reading)
        except Interrupted as interruption:
            print(f"stopped by {interruption}: nothing half is left", file=sys.stderr)
            raise SystemExit(130) from None


if __name__ == "__main__":
    main(sys.argv[1:])
