"""The contract of a trained task: every fact that a run learned, in one place.

Example:
    >>> contract = draft(recipe, prepared, session, evaluation, calibration, environment, commit)
"""

from datetime import UTC, datetime

import numpy as np

from segmint.contract import ModelContract, Provider
from segmint.data.preparation import PreparedData
from segmint.evaluation.results import Evaluation
from segmint.interface import Output
from segmint.recipe import Recipe
from segmint.training.calibration import Calibration
from segmint.training.session import Session


def draft(
    recipe: Recipe,
    prepared: PreparedData,
    session: Session,
    evaluation: Evaluation,
    calibration: Calibration,
    environment: dict[str, str],
    git_commit: str | None,
) -> ModelContract:
    """Write down the interface and the figures of a trained network."""
    data = recipe.data
    return ModelContract(
        name=recipe.registered_name,
        title=recipe.title or recipe.registered_name,
        description=recipe.description or f"Segments {', '.join(item.name for item in data.classes[1:])}.",
        keywords=tuple(recipe.keywords),
        license=recipe.license,
        providers=tuple(Provider(name=p.name, roles=tuple(p.roles), url=p.url) for p in recipe.providers),
        recipe=recipe.recipe,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        inputs=(session.source,),
        height=data.tile_size,
        width=data.tile_size,
        fit=data.fit,
        largest_image=None if data.fit == "tile" else max(max(chip.height, chip.width) for chip in prepared.chips),
        resolution_m=prepared.resolution_m,
        output=Output(
            activation="sigmoid" if len(data.classes) == 2 else "softmax",
            classes=session.classes,
            threshold=calibration.threshold,
            temperature=calibration.temperature,
        ),
        stride=data.tile_size * 3 // 4,
        network=session.network,
        dataset=prepared.describe(),
        batch_size=session.batch_size,
        metrics=figures(evaluation, calibration),
        environment=environment,
        git_commit=git_commit,
    )


def figures(evaluation: Evaluation, calibration: Calibration) -> dict[str, float]:
    """Measured figures by their MLflow names; those that are not defined are left out."""
    split, named = evaluation.split, evaluation.metrics()
    named |= {
        f"{split}_ece_before": calibration.ece_before,
        f"{split}_ece_after": calibration.ece_after,
        "temperature": calibration.temperature,
        "temperature_fitted": calibration.chosen.fitted,
        "temperature_gain": calibration.chosen.gain,
        "temperature_gain_error": calibration.chosen.error,
        "threshold": calibration.threshold,
    }
    return {name: value for name, value in named.items() if np.isfinite(value)}
