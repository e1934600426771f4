"""Which truth belongs to which scene, opened and checked before anything is predicted.

Example:
    >>> truths = open_truths({"north": "scenes/north.tif"}, request, data, contract, scratch)
    >>> truths.by_stem["north"].read(0, 512).shape, truths.notes
    ((512, 4096), ('1,228 of 1,228 features of truth.gpkg touch a scene',))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rasterio.enums import ColorInterp

from segmint.contract import ModelContract
from segmint.data.chips import IGNORE
from segmint.data.fingerprint import fingerprint_files, sidecars
from segmint.errors import DataError, RecipeError
from segmint.evaluation.request import Request
from segmint.evaluation.truth import RasterTruth, Truth, VectorTruth, Within, require_known
from segmint.inference.inputs import ENDINGS
from segmint.inference.scene import Scene
from segmint.recipe import DataRecipe
from segmint.sources.classes import ClassTable
from segmint.sources.layers import open_layer
from segmint.sources.scene import Scene as Grid

VECTOR_ENDINGS = (".gpkg", ".geojson", ".json", ".shp", ".fgb", ".gml", ".kml", ".parquet")


@dataclass(frozen=True)
class Truths:
    """Truths of scenes.

    Attributes:
        by_stem: Name of a scene -> its truth.
        digest: SHA-256 over the names and contents of scenes and truths; of a URL, its address.
        notes: What was found, repaired and left out, in sentences.
    """

    by_stem: dict[str, Truth]
    digest: str
    notes: tuple[str, ...]


def open_truths(
    scenes: Mapping[str, str], request: Request, data: DataRecipe, contract: ModelContract, scratch: Path
) -> Truths:
    """Open the truth of every scene on its grid.

    Args:
        scenes: Name -> address.
        request: Where the truth is, and what its attributes mean.
        data: How rasters spell classes.
        contract: The model's.
        scratch: An existing folder.

    Raises:
        SceneError: A scene that does not suit the model.
        DataError: A truth that is missing, cannot be read, or lies elsewhere.
        RecipeError: Classes that the model does not have.
    """
    grids = {stem: _grid(address, contract, request) for stem, address in scenes.items()}
    paths = {stem: _path(Path(request.labels or ""), stem) for stem in scenes}
    truths: dict[str, Truth] = {}
    notes: list[str] = []
    for path in dict.fromkeys(paths.values()):
        stems = [stem for stem in scenes if paths[stem] == path]
        if path.suffix.lower() in VECTOR_ENDINGS:
            vectors, lines = _vectors(path, {stem: grids[stem] for stem in stems}, request, contract)
            truths |= vectors
            notes += lines
        else:
            truths |= {stem: RasterTruth.on(grids[stem], path, data, scratch) for stem in stems}
    if request.area is not None:
        layer = open_layer(Path(request.area), None, ClassTable(), list(grids.values()))
        truths = {stem: Within(truths[stem], layer.on(grid), grid.width) for stem, grid in grids.items()}
        notes.append(f"only pixels within {request.area} count")
    for stem, grid in grids.items():
        require_known(truths[stem], grid, paths[stem])
    area = [] if request.area is None else [Path(request.area)]
    return Truths(truths, _digest(scenes, [*paths.values(), *area]), tuple(notes))


def _grid(address: str, contract: ModelContract, request: Request) -> Grid:
    """The grid that a scene is predicted on."""
    with Scene.open(address, contract, **request.reading) as scene:
        return Grid(
            path=Path(address.partition("?")[0]),
            height=scene.height,
            width=scene.width,
            dtype=scene.source.dtypes[0],
            bands=(None,),
            colours=(ColorInterp.undefined,),
            nodata=scene.nodata,
            masked=False,
            crs=scene.crs,
            transform=scene.transform,
        )


def _path(labels: Path, stem: str) -> Path:
    """The truth of a scene: the one file, or the file of its stem.

    Raises:
        DataError: There is none, or several.
    """
    if not labels.is_dir():
        if not labels.exists():
            raise DataError(f"labels: no file {labels}", "a raster, a vector file or a folder", "Check the spelling")
        return labels
    endings = (*ENDINGS, *VECTOR_ENDINGS)
    found = [path for path in sorted(labels.iterdir()) if path.stem == stem and path.suffix.lower() in endings]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "nothing"
        raise DataError(f"labels: {labels} has {names} for the scene {stem}", f"one file, as {stem}.tif or {stem}.gpkg")
    return found[0]


def _vectors(
    path: Path, grids: Mapping[str, Grid], request: Request, contract: ModelContract
) -> tuple[dict[str, Truth], list[str]]:
    table = ClassTable.parse(request.attribute, request.classes)
    names = contract.class_names
    if request.attribute is None and len(names) > 2:
        wanted = ",".join(f"{name}={value}" for value, name in enumerate(names) if value)
        raise RecipeError(
            f"labels: {path} without --attribute, for a model of {len(names)} classes",
            "the attribute that tells the class",
            f"Add --attribute NAME --classes '{wanted}' with your names on the left",
        )
    most = max(table.classes.values(), default=1)
    if most >= len(names):
        listed = ", ".join(f"{value} {name}" for value, name in enumerate(names))
        raise RecipeError(f"classes: there is no class {most}", f"the model's: {listed}")
    layer = open_layer(path, request.layer, table, list(grids.values()))
    elsewhere = IGNORE if request.unlabelled == "ignore" else 0
    made: dict[str, Truth] = {
        stem: VectorTruth(layer.on(grid), grid.height, grid.width, elsewhere) for stem, grid in grids.items()
    }
    return made, layer.report()


def _digest(scenes: Mapping[str, str], truths: Sequence[Path]) -> str:
    files = {f"labels/{path.name}": path for truth in truths for path in (truth, *sidecars(truth), *_parts(truth))}
    local = [Path(address) for address in scenes.values() if Path(address).is_file()]
    files |= {f"scenes/{path.name}": path for scene in local for path in (scene, *sidecars(scene))}
    remote = [address for address in scenes.values() if not Path(address).is_file()]
    return fingerprint_files(files, remote).digest


def _parts(truth: Path) -> list[Path]:
    """The other files of a Shapefile."""
    if truth.suffix.lower() != ".shp":
        return []
    return [path for ending in (".dbf", ".shx", ".cpg") if (path := truth.with_suffix(ending)).is_file()]
