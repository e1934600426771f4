from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

from segmint.drawing import figures
from segmint.tracking import report

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements, links and text of a page; fails on tags that do not close in order."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.links, self.anchors, self.ids, self.styles, self.alts = [], [], [], [], [], []
        self.text, self._open = "", []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "srcset", "data", "action", "poster")]
        (self.anchors if tag == "a" else self.links).extend(value for key, value in attrs if key == "href")
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.alts += [attributes["alt"]] if "alt" in attributes else []
        assert not [key for key in attributes if key.startswith("on")]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "style":
            self.styles.append(data)
        else:
            self.text += data


@pytest.fixture(scope="module")
def statistics():
    def make(names):
        row = SimpleNamespace(
            mean=101.25, std=40.5, minimum=3.0, maximum=251.0, p01=9.0, p25=70.0, p50=99.0, p75=130.0, p99=222.0
        )
        return SimpleNamespace(
            bands=(row, row, row),
            class_share=dict(zip(names, (0.6875, 0.3125), strict=True)),
            chips={"train": 28, "val": 6, "test": 6},
            tiles={"train": 112, "val": 24, "test": 24},
            pixels={"train": 7_340_032, "val": 1_572_864, "test": 1_572_864},
            sizes=((512, 512),),
            dtype="uint8",
        )

    return make


@pytest.fixture(scope="module")
def write(make_contract, make_evaluation, calibration, history, statistics, tmp_path_factory):
    """Write a report about two classes of the given names and return its source."""

    def written(names=("background", "building"), chips=None, **changes):
        contract = make_contract()
        classes = tuple(
            item.model_copy(update={"name": name, "color": colour})
            for item, name, colour in zip(contract.output.classes, names, ("#000000", "#DC143C"), strict=True)
        )
        output = contract.output.model_copy(update={"classes": classes})
        contract = contract.model_copy(update={"output": output, **changes})
        chips = chips or {"north": [[900, 50], [30, 220]], "south": [[700, 90], [110, 300]]}
        evaluation = make_evaluation(chips, names)
        image = np.zeros((3, 8, 8), np.uint8)
        mask = np.zeros((8, 8), np.uint8)
        panel = figures.chip_panel(image, mask, mask[None].astype(np.float32), mask, contract, "best: north")
        sketched = {
            "curves": figures.curves(history),
            "confusion_matrix": figures.confusion_matrix(evaluation),
            "reliability": figures.reliability(calibration.bins, "temperature 1.73", "Calibration error"),
            "precision_recall": figures.precision_recall(evaluation, calibration.threshold),
        }
        drawn = {name: figures.drawn(figure) for name, figure in sketched.items()}
        proof = {
            "format": "onnx",
            "file": "best_model.onnx",
            "runtime": "onnxruntime",
            "max_abs": 2.4e-6,
            "agreement": 0.99998,
            "passed": True,
            "seconds": 0.5,
            "bytes": 97_812_345,
        }
        maps = proof | {"format": "dlpk", "file": "best_model.dlpk", "max_abs": None, "agreement": 1.0}
        run = {
            "run_id": "3f2a9c",
            "experiment": "camps",
            "tracking_uri": "sqlite:///mlflow.db",
            "git_commit": "0b885de",
            "command": "python src/train.py --epochs 12",
        }
        stages = {"data": 4.25, "fit": 3725.0}
        path = tmp_path_factory.mktemp("report") / "report.html"
        report.write(path, contract, evaluation, calibration, history, statistics(names), [proof, maps], stages, drawn,
                     [figures.drawn(panel)], run)  # fmt: skip
        assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]
        return path.read_text(encoding="utf-8")

    return written


@pytest.fixture(scope="module")
def page(write):
    return Page(write())


def test_the_page_needs_nothing_from_elsewhere(page):
    assert len(page.links) == 5
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert {"script", "link", "iframe", "object"}.isdisjoint(page.tags)
    assert all("url(" not in style and "@import" not in style for style in page.styles)
    assert {anchor.removeprefix("#") for anchor in page.anchors} == set(page.ids)


def test_the_first_screen_says_what_is_found_and_how_good_it_is(page):
    text = " ".join(page.text.split())
    first = text[: text.index("ScoresBest")]
    # 520 hits, 140 false alarms, 140 misses; 660 of 2400 pixels are building
    assert "finds building in red, green, blue imagery of 0.5 m per pixel" in first
    assert "on 2 test chips, kept apart from training, its IoU is 0.650, where calling every pixel building" in first
    assert "scores 0.275" in first
    assert "2 of 2 exported formats are proven equal" in first


def test_what_was_measured_is_on_the_page(page):
    expected = {
        "precision and recall, 520 / 660": ["0.788"],
        "IoU above the constant answer": ["+0.375"],
        "share of the class": ["31.2 %"],
        "calibration": ["1.734", "0.0518", "0.0127", "0.4375"],
        "statistics": ["101.25", "40.5", "7,340,032", "by scene"],
        "proofs": ["2.4e-06", "99.9980 %", "97.8 MB", "class values only"],
        "stages": ["4.2 s", "1 h 02 min"],
        "run": ["3f2a9c", "0b885de", "python src/train.py --epochs 12", "2.9.0"],
        "serving": ["models:/test-model@candidate"],
    }
    assert {name: [word for word in words if word not in page.text] for name, words in expected.items()} == {
        name: [] for name in expected
    }


def test_chips_are_compared(page):
    # IoU 220/300 and 300/500, their median is their mean
    assert "median 0.667, from 0.600 (south) to 0.733 (north)" in page.text


def test_every_picture_has_words_for_those_who_cannot_see_it(page):
    alts = page.alts
    assert len(alts) == 5
    assert any("88.3% of 2,400 pixels are right" in alt for alt in alts)
    assert any(alt.startswith("best: north") for alt in alts)


def test_names_cannot_become_markup(write):
    hostile = '<script>alert("x")</script>'
    page = Page(write(names=("a & b", hostile), title="<img src=http://x>", description="</p><b onclick=f()>"))
    assert "script" not in page.tags
    assert "b" not in page.tags
    assert page.tags.count("img") == 5
    assert hostile in page.text
    assert "a & b" in page.text


def test_a_model_no_better_than_the_constant_answer_is_called_so(page, write):
    assert "No better than a constant answer" not in page.text
    assert "No better than a constant answer" in write(chips={"a": [[50, 450], [450, 50]]})


def test_a_model_below_a_baseline_is_called_so_and_the_median_tile_is_named(page, write):
    assert "Below a baseline" not in page.text
    assert "the tile with the median IoU, 0.600" in page.text  # 300 of 500 pixels, of two tiles the lower one
    assert "the pixel classifier scores 0.300" in write(chips={"a": [[700, 200], [200, 100]]})


def test_a_model_of_the_built_in_sample_is_called_so(page, write, make_contract):
    dataset = make_contract().dataset.model_copy(update={"builtin_sample": True})
    assert "not a model to use" in write(dataset=dataset)
    assert "not a model to use" not in page.text
