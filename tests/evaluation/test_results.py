def found(percent):
    """A tile with 100 foreground pixels, of which so many are found."""
    return [[100, 0], [100 - percent, percent]]


def test_the_typical_tile_has_the_median_iou_of_two_the_lower_one(make_evaluation):
    classes = ("background", "building")
    tiles = {"a": found(90), "b": found(20), "c": found(60)}
    evaluation = make_evaluation(tiles, classes)
    assert evaluation.tiles[evaluation.typical].stem == "c"
    evaluation = make_evaluation(tiles | {"d": found(50)}, classes)
    assert evaluation.tiles[evaluation.typical].stem == "d"


def test_tiles_without_an_iou_are_passed_over(make_evaluation):
    empty = [[200, 0], [0, 0]]
    evaluation = make_evaluation({"a": empty, "b": empty, "c": found(60)}, ("background", "building"))
    assert evaluation.typical == 2
