import io

import numpy as np
import pytest
from PIL import Image
from planted import camps, recipe_of, write_pairs
from scipy.fft import dctn
from scipy.ndimage import uniform_filter

from segmint.command_line import parse
from segmint.doctor.duplicates import ALIKE, EDGE, Likeness, find
from segmint.doctor.examination import examine


def thumbnail(image):
    """``[1, 64, 64]`` by means over 4 x 4 px of a 256 px image."""
    return image.astype(np.float32).mean(axis=0).reshape(1, EDGE, 4, EDGE, 4).mean(axis=(2, 4))


def altered(image, how):
    match how:
        case "brighter":
            return np.clip(image * 1.25 + 15, 0, 255)
        case "darker":
            return image * 0.6
        case "gamma":
            return 255 * (image / 255) ** 0.6
        case "JPEG":
            stream = io.BytesIO()
            Image.fromarray(image.transpose(1, 2, 0)).save(stream, "JPEG", quality=40)
            return np.asarray(Image.open(stream)).transpose(2, 0, 1)
        case "noisy and moved":
            noise = np.random.default_rng(0).normal(0, 8, image.shape)
            return np.clip(np.roll(image, (3, -4), (1, 2)) * 0.8 + noise, 0, 255)


@pytest.fixture(scope="module")
def images():
    """Quarters of drawn camps: four chips of each place."""
    whole = [image for image, _ in camps(6, size=512)]
    return [image[:, row : row + 256, col : col + 256] for image in whole for row in (0, 256) for col in (0, 256)]


def test_different_chips_of_one_place_are_no_pair(images):
    assert find([Likeness.of(thumbnail(image)) for image in images]) == []


@pytest.mark.parametrize("how", ["brighter", "darker", "gamma", "JPEG", "noisy and moved"])
def test_an_altered_copy_is_the_only_pair(images, how):
    likenesses = [Likeness.of(thumbnail(image)) for image in [*images, altered(images[5], how)]]
    (pair,) = find(likenesses)
    assert (pair.one, pair.other) == (5, len(images))
    assert ALIKE < pair.likeness <= 1


def test_the_hash_is_the_sign_of_scipy_s_lowest_frequencies_against_their_median(images):
    thumb = thumbnail(images[0])
    half = thumb[0].reshape(32, 2, 32, 2).mean(axis=(1, 3))
    lowest = dctn(half, norm=None)[:8, :8].ravel()[1:]
    assert Likeness.of(thumb).hash.tolist() == np.where(lowest > np.median(lowest), 1, -1).tolist()


def test_the_detail_is_what_scipy_s_mean_filter_leaves(images):
    thumb = thumbnail(images[0])
    left = thumb[0] - uniform_filter(thumb[0].astype(np.float64), 9, mode="mirror")
    assert Likeness.of(thumb).detail[0] == pytest.approx(left / np.linalg.norm(left), abs=1e-3)


def test_blank_chips_are_no_pictures():
    assert find([Likeness.of(np.full((1, EDGE, EDGE), level, np.float32)) for level in (0, 255, 255)]) == []


def test_a_planted_copy_is_told_with_the_sides_it_stands_on(tmp_path):
    pairs = camps(12)
    pairs.append((altered(pairs[0][0], "brighter").astype(np.uint8), pairs[0][1]))
    write_pairs(tmp_path, pairs, placed=False)
    found = examine(recipe_of(tmp_path))
    (pair,) = found.pairs
    (finding,) = [item for item in found.findings if item.kind.startswith("near-duplicates")]
    assert finding.examples[0].name == "a00 & a12"
    assert (finding.severity == "warning") == found.across(pair)


def test_frames_of_one_strip_are_near_duplicates_unless_they_share_a_group(shared_data):
    folder = shared_data / "lfa_influenza_strips"
    folders = [f"--chips_dir={folder / 'images'}", f"--labels_dir={folder / 'masks'}", "--recipe=lateral-flow"]
    apart = examine(parse([*folders, "--split.group_regex=null"]))
    across = [case.name for item in apart.findings if "across" in item.kind for case in item.examples]
    assert len(across) > 5
    assert all(name.count("white_table") == 2 for name in across)
    together = examine(parse(folders))
    assert not [item for item in together.findings if "across" in item.kind]


def test_the_chips_of_a_town_are_all_different(shared_data):
    folder = shared_data / "buildings_banepa"
    found = examine(parse([f"--chips_dir={folder / 'chips'}", f"--labels_dir={folder / 'labels'}"]))
    assert found.pairs == []
    assert found.shift.clear
    assert found.shift.length <= 4  # its description says that outlines match roofs within 2 to 4 px
    assert not found.refused
