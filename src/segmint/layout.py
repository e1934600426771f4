"""What the files of a finished model are called, and where they lie: in the artifacts of its run, and published flat.

Example:
    >>> ARTIFACT_FOLDERS["best_model.onnx"], FORMS
    ('models', ('series', 'unit'))
"""

HALF, INTEGER = "best_model_fp16.onnx", "best_model_int8.onnx"

REDUCED_FILES = (HALF, INTEGER)
"""Files that are not as exact as the others; they run when they are named."""

ARTIFACT_FOLDERS = {
    "best_model.pth": "models",
    "best_model.pt": "models",
    "best_model.onnx": "models",
    "best_model.pt2": "models",
    HALF: "models",
    INTEGER: "models",
    "best_model.dlpk": "esri",
    "model.emd": "esri",
    "stac_item.json": "metadata",
    "contract.json": "metadata",
    "parity.json": "metadata",
    "parity_sample.npz": "metadata",
    "model_card.md": "metadata",
    "report.html": "evaluation",
    "test_chips.csv": "evaluation",
    "confusion_matrix.png": "evaluation",
    "example_input.png": "examples",
    "example_pred.png": "examples",
    "example_target.png": "examples",
}
"""Every file of a model -> its artifact folder in the run."""

FILES = tuple(name for name in ARTIFACT_FOLDERS if name not in REDUCED_FILES)
"""Those that every run leaves."""

SERIES, UNIT = "series", "unit"

FORMS = (SERIES, UNIT)
"""Folders below a model's, with the same network behind another interface."""
