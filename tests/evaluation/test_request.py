import pytest

from segmint.errors import RecipeError
from segmint.evaluation.request import parse


def test_arguments_of_the_recipe_are_handed_on_with_their_values():
    request, reading = parse(
        ["--data.ignore_value", "255", "--model-path=m", "--patches-dir", "d", "--config=my.yaml", "--tta", "true"]
    )
    assert reading == ("--data.ignore_value", "255", "--config=my.yaml")
    assert (request.model, request.chips_dir, request.tta, request.output_dir) == ("m", "d", True, "evaluation")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to evaluate on; expected either chips or scenes"),
        (["--chips_dir=c", "--input=s.tif"], "both chips_dir and input"),
        (["--input=s.tif"], "input without labels"),
        (["--chips_dir=c", "--area=a.gpkg"], "labels or area beside chips_dir"),
        (["--chips_dir=c", "--treshold=0.4"], "there is no parameter 'treshold'; expected threshold"),
        (["--chips_dir=c", "--threshold=1.4"], "threshold"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, message):
    with pytest.raises(RecipeError, match=message):
        parse(arguments)
