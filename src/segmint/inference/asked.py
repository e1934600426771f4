"""How scenes are asked of a model, whatever becomes of the answer. Imports no torch.

Example:
    >>> asked = Asked(bands="3, 2, 1", nodata=255)
    >>> asked.reading
    {'bands': ('3', '2', '1'), 'resample': False, 'nodata': 255}
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from jsonargparse.typing import OpenUnitInterval, PositiveInt

from segmint.addresses import shown

Wanted = Literal["auto", "onnxruntime", "openvino", "torch", "torch-bf16"]
"""What runs a model."""

Fitted = Literal["model", "tile"]
"""How an image comes to a model's tile: as the model was trained, or cut into windows."""


@dataclass(frozen=True)
class Asked:
    """How scenes are asked of a model.

    Attributes:
        model: models:/name@alias, models:/name/1, runs:/id, a folder such as meta, or an .onnx, .pt, .pt2, .pth or
            .dlpk file.
        fit: A model of whole images scales each image to its tile ('model'); 'tile' takes windows of unscaled pixels.
        stride: Pixels between the origins of neighbouring windows; null takes the model's own.
        batch_size: Windows that the network sees at once.
        bands: Of scenes: band numbers from 1, or the scene's band names, in the model's order, such as 3,2,1; null
            matches by name, or takes them in order where the scene names none.
        resample: Read scenes at the model's ground resolution; a map has that resolution too.
        nodata: Raw value of empty pixels, where a scene declares none; they stay empty on a map and count nowhere.
        threshold: Probability from which a pixel is foreground (two classes); null takes the model's own.
        tta: Test-time augmentation: the mean over all turned and mirrored windows, at eight times the work.
        backend: What runs the model; 'auto' measures and takes the fastest, for an evaluation the fastest in fp32.
        mlflow_tracking: Log what was done as an MLflow run.
    """

    model: str = "meta"
    fit: Fitted = "model"
    stride: PositiveInt | None = None
    batch_size: PositiveInt = 8
    bands: str | None = None
    resample: bool = False
    nodata: float | None = None
    threshold: OpenUnitInterval | None = None
    tta: bool = False
    backend: Wanted = "auto"
    mlflow_tracking: bool = False

    @property
    def reading(self) -> dict[str, Any]:
        """How ``Scene.open`` is to read a scene."""
        listed = tuple(item.strip() for item in (self.bands or "").split(",") if item.strip())
        return {"bands": listed, "resample": self.resample, "nodata": self.nodata}

    def parameters(self) -> dict[str, Any]:
        """Every value by its name, addresses without what is secret in them."""
        return {key: shown(value) if isinstance(value, str) else value for key, value in asdict(self).items()}
