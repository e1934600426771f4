"""``report.html``: one self-contained page about a trained model, for a person.

No scripts and nothing fetched: styles are inline, figures are PNG data URIs. Whatever comes from recipe or data is
escaped by the template engine.

Example:
    >>> write(Path("meta/report.html"), contract, evaluation, calibration, history, statistics, parity,
    ...       stages.seconds, {"curves": drawn(curves(history))}, [drawn(chip_panel(...))], run.facts())
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmint.contract import ModelContract
from segmint.drawing.figures import Drawing
from segmint.drawing.page import template
from segmint.evaluation.baselines import Standing
from segmint.export import card
from segmint.export.tolerance import MAX_ABS, MIN_AGREEMENT
from segmint.files import replace_file

if TYPE_CHECKING:
    from segmint.data.statistics import Statistics
    from segmint.evaluation.results import Evaluation
    from segmint.training.calibration import Calibration


def write(
    path: Path,
    contract: ModelContract,
    evaluation: Evaluation,
    calibration: Calibration,
    history: list[dict[str, float]],
    statistics: Statistics,
    parity: list[dict[str, Any]],
    stages: dict[str, float],
    figures: dict[str, Drawing],
    examples: list[Drawing],
    run: dict[str, str],
) -> None:
    """Write the page, beside the target first, then renamed over it.

    Args:
        path: Where to.
        contract: The contract.
        evaluation: Scores on the test split.
        calibration: Temperature, threshold, calibration error.
        history: Metrics of every epoch.
        statistics: Figures of the training pixels, raw units.
        parity: One record per proven format: ``format``, ``file``, ``runtime``, ``max_abs`` (None for class maps),
            ``agreement``, ``passed``, ``seconds``, ``bytes``.
        stages: Seconds per stage of the run.
        figures: ``curves``, ``confusion_matrix``, ``reliability``, and ``precision_recall`` with two classes.
        examples: Best, median and worst tiles.
        run: What identifies the run; the tracking URI without credentials.
    """
    page = template(Path(__file__).with_name("report.html.j2"), score=card.score, size=card.size)
    content = page.render(
        contract=contract,
        found=card.found(contract),
        evaluation=evaluation,
        standing=Standing.of(evaluation.metrics()),
        headlines=card.HEADLINES,
        spread=evaluation.spread("chips"),
        pooled=card.pooled(evaluation),
        calibration=calibration,
        history=history,
        statistics=statistics,
        parity=parity,
        tolerance={"max_abs": MAX_ABS, "agreement": MIN_AGREEMENT},
        stages=stages,
        figures=figures,
        examples=examples,
        run=run,
        onnx_example=card.onnx_example(contract),
        serving_example=card.serving_example(contract),
    )
    replace_file(path, content)
