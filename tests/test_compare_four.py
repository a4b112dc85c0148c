"""Three and four models: A against each of the others, in the command, its JSON, its report and its figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from conftest import write_random_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from poses import STANDING_MM, make_pose
from test_outputs import read_report

import main
from core import export_comparison, skeleton
from core.compare import compare, compare_all, sentences
from core.compare_many import MOMENT_S, Tally, moments, ranking
from core.pose import Pose


def raised(by_mm: float, joint: str = "left_wrist") -> Pose:
    joints = STANDING_MM.copy()
    joints[skeleton.JOINT_INDEX[joint]] += (0, -by_mm, 0)
    return make_pose(joints_mm=joints)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return four checkpoints of different random weights."""
    folder = tmp_path_factory.mktemp("four")
    return [
        write_random_weights(folder / f"{name}.safetensors", seed, geometry_loss=seed % 2 == 0, record={})
        for seed, name in enumerate(("first", "second", "third", "fourth"))
    ]


def run(four: list[Path], picture: Path, *words: str | Path) -> int:
    options = [
        word for option, path in zip(("--a", "--b", "--c", "--d"), four, strict=False) for word in (option, path)
    ]
    return main.main(
        ["compare", str(picture), *map(str, options), "--no-flip", "--box", "0,0,160,200", *map(str, words)]
    )


def document(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    schema = json.loads((resources.files("resources") / "comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(content, schema)
    return content


def test_every_model_is_compared_with_a_and_named_by_its_letter() -> None:
    found = compare_all([make_pose(), raised(20), raised(90, "right_knee")])
    assert [each.worst_first[0].name for each in found] == ["left_wrist", "right_knee"]
    assert [each.worst_first[0].distance_mm for each in found] == pytest.approx([20, 90])
    assert "A's limbs are more even" in sentences(found)[1] and "C" not in sentences(found)[0]
    assert "; C's limbs are more even" in sentences(compare_all([raised(200), raised(200), make_pose()]))[1]


def test_what_a_program_read_of_two_models_is_there_with_four(
    four: list[Path], write_picture: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, two, all_four = write_picture(), tmp_path / "2.json", tmp_path / "4.json"
    assert run(four[:2], picture, "--json", two) == 0
    capsys.readouterr()
    assert run(four, picture, "--json", all_four) == 0
    old, new = document(two), document(all_four)
    for key in ("a", "b", "joints", "bones", "mean", "box_px"):
        assert new["comparisons"][0][key] == old["comparisons"][0][key]
    assert "others" not in old["comparisons"][0] and set(new["comparisons"][0]["others"]) == {"c", "d"}
    assert {letter: told["name"] for letter, told in new["checkpoints"].items()} == {
        "a": "first", "b": "second", "c": "third", "d": "fourth",
    }  # fmt: skip
    for key in ("mean", "joints_mm", "most_different"):
        assert new["summary"][key] == old["summary"][key]
    assert set(new["summary"]["loss"]) == set(new["summary"]["deviation_percent"]) == set("abcd")
    told = capsys.readouterr().out
    assert "D: fourth; differences are B minus A, C minus A and D minus A" in told
    assert "A and B" in told and "A and D" in told and "D-A" in told


def test_the_differences_of_the_third_are_those_of_a_run_with_it_alone(
    four: list[Path], write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    picture = write_picture()
    assert run(four[:3], picture, "--json", tmp_path / "3.json") == 0
    assert run([four[0], four[2]], picture, "--json", tmp_path / "2.json") == 0
    three, alone = (document(tmp_path / name)["comparisons"][0] for name in ("3.json", "2.json"))
    pair = export_comparison.pair(three, "c")
    for key in ("a", "b", "joints", "bones", "mean"):
        assert pair[key] == alone[key]


def test_report_and_figure_show_all_four(four: list[Path], write_picture: Callable[..., Path], tmp_path: Path) -> None:
    page, data = tmp_path / "c.html", tmp_path / "c.json"
    picture = write_picture("wide.png", 200, 200)
    assert run(four, picture, "--report", page, "--json", data, "--figure", tmp_path) == 0
    item = document(data)["comparisons"][0]
    parsed, text = read_report(page), page.read_text(encoding="utf-8")
    assert len(parsed.addresses) == 4, "a picture for each"
    for letter, name in zip("ABCD", ("first", "second", "third", "fourth"), strict=True):
        assert f"{letter}: {name}" in text
    joints = [row for row in parsed.rows if len(row) == 10][: skeleton.JOINT_COUNT]
    furthest = max(max(each["distance_mm"] for each in told["joints"]) for told in [item, *item["others"].values()])
    assert f"{furthest:.0f}" in joints[0][4:7]
    bones = [row for row in parsed.rows if len(row) == 12]
    assert len(bones) == 3 * skeleton.BONE_COUNT
    third = bones[skeleton.BONE_COUNT]
    assert third[2] == f"{item['others']['c']['bones'][0]['c']['length_mm']:.0f}"
    drawn = cv2.imread(str(tmp_path / "wide-compare.png"))
    assert drawn is not None and drawn.shape[:2] == (980, 1750)
    # Each of the four cells of the grid holds a picture: none is blank paper.
    for x in (0.02, 0.385):
        for y in (0.155, 0.56):
            cell = drawn[int(y * 980) + 40 : int(y * 980) + 300, int(x * 1750) : int(x * 1750) + 200]
            assert (cell.min(axis=2) < 240).mean() > 0.3


def test_a_letter_that_is_left_out_is_wrong_use(
    four: list[Path], write_picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", str(write_picture()), "--a", str(four[0]), "--b", str(four[1]), "--d", str(four[2])]
    assert main.main(words) == 2
    assert "--d stands without --c" in capsys.readouterr().err


# Many pictures


def test_a_place_ranks_by_the_model_that_is_furthest_from_a() -> None:
    near, far = Tally(4), Tally(4)
    for place, (by, to) in enumerate([(10, 400), (300, 20), (50, 60)]):
        near.put(place, compare(make_pose(), raised(by)))
        far.put(place, compare(make_pose(), raised(to)))
    assert ranking([near, far]) == (0, 1, 2)
    assert ranking([near]) == (1, 2, 0)
    near.put(3, compare(make_pose(), raised(900)))
    assert 3 not in ranking([near, far]), "the other does not know it yet"
    assert far.worst_joint(0) == (skeleton.JOINT_INDEX["left_wrist"], pytest.approx(400))


@given(
    values=st.lists(st.floats(0, 500), min_size=1, max_size=60),
    rate=st.sampled_from([5.0, 15.0, 30.0]),
)
@settings(max_examples=50, deadline=None)
def test_moments_are_apart_and_begin_with_the_worst(values: list[float], rate: float) -> None:
    times_s = np.arange(len(values)) / rate
    order = [int(frame) for frame in np.argsort(-np.array(values), kind="stable")]
    found = moments(order, times_s, 1000)
    assert values[found[0]] == max(values)
    gaps = np.diff(np.sort(times_s[list(found)]))
    assert (gaps >= MOMENT_S - 1e-9).all()
    for frame, value in enumerate(values):
        # Whatever is left out is near a moment at which they differ at least as much.
        near = [other for other in found if abs(times_s[other] - times_s[frame]) < MOMENT_S + 1e-9]
        assert frame in found or any(values[other] >= value for other in near)
    assert moments(order, times_s, 1) == found[:1]
