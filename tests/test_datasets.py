"""The other sets in their own formats, and the catalogue of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
from dataset_files import (
    RECTANGLE,
    write_3dhp,
    write_human36m,
    write_lsp,
    write_official,
    write_picture,
    write_tompson,
)

from core import geometry, skeleton
from core.errors import UserError
from train.datasets import catalogue, human36m, lsp, mpi_inf_3dhp, mpii
from train.datasets.crops import Sample
from train.datasets.reading import OnBad, Problems


@pytest.mark.parametrize("kind", ["lsp", "lspet"])
def test_lsps_third_row_means_the_opposite_in_the_extension(tmp_path: Path, kind: lsp.Kind) -> None:
    raw = write_lsp(tmp_path / kind, kind)
    name = "im0001.jpg" if kind == "lsp" else "im00001.jpg"
    joints_px, annotated = lsp.labels(tmp_path)[name]
    assert not annotated[6] and not annotated[7]
    # LSP: all 14 have a label, hidden or not. Extended: only what is visible, here every second joint.
    assert annotated.sum() == (14 if kind == "lsp" else 7)
    order = ["right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist",
             "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "upper_neck",
             "head_top"]  # fmt: skip
    for index, joint in enumerate(order):
        assert joints_px[skeleton.JOINT_INDEX[joint]] == pytest.approx(raw[index, :2, 0] - 0.5)
        assert annotated[skeleton.JOINT_INDEX[joint]] == (kind == "lsp" or index % 2 == 1)


def test_lsp_without_pictures_is_told_by_its_shape(tmp_path: Path) -> None:
    for kind, flag in (("lsp", True), ("lspet", False)):
        folder = tmp_path / kind
        write_lsp(folder, kind)  # type: ignore[arg-type]
        for path in (folder / "images").iterdir():
            path.unlink()
        assert lsp.kind(folder) == kind and lsp._joints(folder)[1] is flag


def test_lsps_own_splits_are_its_first_thousand_and_the_rest(tmp_path: Path) -> None:
    raw = np.zeros((3, 14, 1003))
    (tmp_path / "images").mkdir()
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": raw})
    assert lsp.read_split(tmp_path, "train")[::999] == ["im0001.jpg", "im1000.jpg"]
    assert lsp.read_split(tmp_path, "test") == ["im1001.jpg", "im1002.jpg", "im1003.jpg"]
    with pytest.raises(UserError, match=r"one picture name per line, or choose train or test\.$"):
        lsp.read_split(tmp_path, "val.txt")


@pytest.mark.parametrize("on_bad", ["skip", "stop"])
def test_lsp_bad_persons_are_counted_or_refused(
    tmp_path: Path, on_bad: OnBad, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = write_lsp(tmp_path, "lspet", 5)
    raw[1, 0, 0] = np.nan  # visible
    raw[0, 0, 1] = np.nan  # has no label anyway
    raw[:, 2, 2] = 0.0
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": raw})
    (tmp_path / "images" / "im00004.jpg").unlink()
    names = [f"im{number:05d}.jpg" for number in range(1, 7)]
    if on_bad == "stop":
        with pytest.raises(UserError, match=r"LSP-Extended im00001\.jpg: a joint is not a number"):
            list(lsp.samples(tmp_path, names, on_bad))
        with pytest.raises(UserError, match=r"LSP-Extended im00006\.jpg: there is no annotation"):
            list(lsp.samples(tmp_path, names[5:], on_bad))
        return
    assert [s.name for s in lsp.samples(tmp_path, names, on_bad)] == ["im00002.jpg", "im00005.jpg"]
    assert capsys.readouterr().err.splitlines() == [
        "LSP-Extended: 1 left out, a joint is not a number (im00001.jpg)",
        "LSP-Extended: 1 left out, fewer than 6 joints are annotated (im00003.jpg)",
        "LSP-Extended: 1 left out, the picture is missing (im00004.jpg)",
        "LSP-Extended: 1 left out, there is no annotation (im00006.jpg)",
    ]
    (tmp_path / "val.txt").write_text("im00002.jpg")
    assert len(lsp.training_crops(tmp_path, tmp_path / "cache")) == 1
    told = capsys.readouterr().err
    assert "a joint is not a number" in told and "the picture is missing" in told


def test_lsp_of_another_shape_is_refused(tmp_path: Path) -> None:
    write_lsp(tmp_path, "lsp")
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": np.zeros((13, 3, 4))})
    with pytest.raises(UserError, match=r"shape \(13, 3, 4\): it should be 14 x 3 or 3 x 14"):
        lsp.labels(tmp_path)


def test_human36m_joints_are_mpiis_and_labels_are_weak_perspective(tmp_path: Path) -> None:
    fields = write_human36m(tmp_path / "h36m" / "annotSampleTest.h5", [(9, 14, 1, 2, 1)])
    (sample,) = human36m.samples(tmp_path, "test", "stop")
    source_mm, source_px = fields["joint_3d_mono"][0], fields["joint_2d"][0]
    assert sample.joints_mm is not None and (sample.joints_mm[6] == 0).all()
    for ours, theirs in {0: 3, 1: 2, 2: 1, 3: 4, 5: 6, 8: 8, 9: 10, 10: 16, 11: 15, 12: 14, 13: 11, 15: 13}.items():
        assert sample.joints_mm[ours] == pytest.approx(source_mm[theirs] - source_mm[0])
    assert sample.joints_mm[7] == pytest.approx((source_mm[11] + source_mm[14]) / 2 - source_mm[0])
    # One scale and one offset turn x and y in millimetres into the labels, exactly.
    moved = sample.joints_px - sample.joints_px[6]
    scale = moved[0, 0] / sample.joints_mm[0, 0]
    assert moved == pytest.approx(scale * sample.joints_mm[:, :2])
    assert sample.joints_px[6] == pytest.approx(source_px[0])
    in_order = source_px[list(human36m.TO_MPII)]
    assert geometry.bone_lengths(sample.joints_px).sum() == pytest.approx(geometry.bone_lengths(in_order).sum())
    assert (sample.subject, sample.action, sample.annotated.all()) == ("S9", "Walking", True)
    assert sample.box_px == (0, 0, 224, 224) and sample.name == "s_09_act_14_subact_01_ca_02_000001"


def test_human36m_with_16_joints_is_in_order_already(tmp_path: Path) -> None:
    fields = write_human36m(tmp_path / "annotSampleTest.h5", [(11, 16, 2, 4, 6)], joints=16)
    (sample,) = human36m.samples(tmp_path, "test")
    assert sample.joints_mm is not None
    expected = fields["joint_3d_mono"][0] - fields["joint_3d_mono"][0, 6]
    assert np.delete(sample.joints_mm, 7, axis=0) == pytest.approx(np.delete(expected, 7, axis=0))
    assert sample.joints_mm[7] == pytest.approx((expected[12] + expected[13]) / 2)
    assert (sample.subject, sample.action) == ("S11", "WalkTogether")


def test_human36m_splits_by_subject_drops_the_sequence_and_thins_the_test(tmp_path: Path) -> None:
    rows = [(subject, 2, 1, 1, 1) for subject in (11, 9, 8, 7, 6, 5, 1)]
    rows += [(9, 3, 1, 1, number) for number in range(1, 200, 5)]
    rows += [(11, 2, 2, 1, 1), (11, 2, 2, 2, 1), (1, 3, 1, 1, 11), (1, 3, 1, 1, 6)]
    write_human36m(tmp_path / "annot" / "annotFullTest.h5", rows)
    train = human36m.frames(tmp_path, "train")
    assert train.key[:, 0].tolist() == [1, 1, 1, 5, 6, 7, 8]
    assert train.key[:3, 4].tolist() == [1, 6, 11]
    test = human36m.frames(tmp_path, "test")
    assert {test.sequence(row) for row in range(len(test))} == {
        "s_09_act_02_subact_01_ca_01", "s_09_act_03_subact_01_ca_01", "s_11_act_02_subact_01_ca_01",
        "s_11_act_02_subact_02_ca_02",
    }  # fmt: skip
    thinned = test.key[(test.key[:, 0] == 9) & (test.key[:, 1] == 3), 4]
    assert thinned.tolist() == [1, 66, 131, 196]  # the first stored frame of every 64
    assert len(human36m.frames(tmp_path, "test", every=1)) == 40 + 3
    # The file sampled for testing holds some of the same frames: none comes twice.
    write_human36m(tmp_path / "annot" / "annotSampleTest.h5", [(1, 3, 1, 1, 11), (9, 3, 1, 1, 1)])
    assert len(human36m.frames(tmp_path, "train")) == 7 and len(human36m.frames(tmp_path, "test", every=1)) == 43
    with pytest.raises(UserError, match="choose one of train, test"):
        human36m.frames(tmp_path, "val")


def test_human36m_has_15_actions() -> None:
    assert len(human36m.ACTIONS) == 15
    assert [human36m.ACTIONS[number] for number in (2, 7, 12, 14, 15, 16)] == [
        "Directions", "Posing", "Photo", "Walking", "WalkDog", "WalkTogether",
    ]  # fmt: skip


def test_human36m_bad_frames_are_counted_or_refused(tmp_path: Path) -> None:
    rows = [(9, 2, 1, 1, 1), (9, 3, 1, 1, 1), (9, 4, 1, 1, 1), (9, 5, 1, 1, 1), (9, 99, 1, 1, 1)]
    fields = write_human36m(tmp_path / "annotSampleTest.h5", rows)
    broken = fields["joint_3d_mono"].copy()
    broken[0, 3, 2] = np.nan
    write_human36m(tmp_path / "annotSampleTest.h5", rows, joint_3d_mono=broken)
    name = "s_09_act_{:02d}_subact_01_ca_01"
    (tmp_path / "images" / name.format(3) / f"{name.format(3)}_000001.jpg").unlink()
    write_picture(tmp_path / "images" / name.format(4) / f"{name.format(4)}_000001.jpg", 100, 100)
    problems = Problems("Human3.6M")
    assert [s.action for s in human36m.samples(tmp_path, "test", problems=problems)] == ["Greeting"]
    assert problems.found == {
        "a joint is not a number": [f"{name.format(2)}_000001"],
        "the picture is missing": [f"{name.format(3)}_000001"],
        "the picture is not 224 px wide and high": [f"{name.format(4)}_000001"],
        "the action's number is unknown": [f"{name.format(99)}_000001"],
    }
    with pytest.raises(UserError, match=f"Human3.6M {name.format(2)}_000001: a joint is not a number"):
        list(human36m.samples(tmp_path, "test", "stop"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"camera": None}, "has no field camera"),
        ({"joint_2d": np.ones((1, 32, 2))}, r"`joint_2d` of shape \(1, 32, 2\): it should be 1 x 16 \(or 17\) x 2"),
        ({"subject": [9, 9]}, "fields of different lengths"),
        ({"id": [np.nan]}, "has a row without id"),
    ],
)
def test_human36m_untrustworthy_annotation_is_refused(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    write_human36m(tmp_path / "annotSampleTest.h5", [(9, 2, 1, 1, 1)], **changes)
    with pytest.raises(UserError, match=sentence):
        list(human36m.samples(tmp_path))


def test_human36m_crops_have_depth(tmp_path: Path) -> None:
    write_human36m(tmp_path / "annotSampleTest.h5", [(1, 2, 1, 1, 1), (5, 2, 1, 1, 6), (9, 2, 1, 1, 1)])
    crops = human36m.training_crops(tmp_path, tmp_path / "cache")
    assert len(crops) == 2 and np.isfinite(crops.joints_mm).all()
    write_human36m(tmp_path / "annotSampleTest.h5", [(1, 2, 1, 1, 1)])
    with pytest.raises(UserError, match="no frame for test here"):
        human36m.frames(tmp_path, "test")


def test_3dhp_valid_frames_have_their_scenes_activities_and_joints(tmp_path: Path) -> None:
    variables = write_3dhp(tmp_path / "mpi_inf_3dhp_test_set")
    found = list(mpi_inf_3dhp.samples(tmp_path, on_bad="stop"))
    assert len(found) == 6 * 3
    assert [sample.name for sample in found[:3]] == ["TS1/img_000002", "TS1/img_000003", "TS1/img_000005"]
    assert {sample.subject: sample.scene for sample in found} == {
        "TS1": "studio GS", "TS2": "studio GS", "TS3": "studio no GS", "TS4": "studio no GS",
        "TS5": "outdoor", "TS6": "outdoor",
    }  # fmt: skip
    assert [sample.action for sample in found[:3]] == ["Exercising", "Miscellaneous", "Sports"]
    sample = found[0]
    joints_mm, joints_px = variables["univ_annot3"][:, :, 0, 1].T, variables["annot2"][:, :, 0, 1].T
    assert sample.joints_mm is not None
    source = {
        "right_ankle": 10, "left_hip": 11, "pelvis": 14, "upper_neck": 1, "head_top": 0, "right_wrist": 4,
        "right_shoulder": 2, "left_shoulder": 5, "left_wrist": 7,
    }  # fmt: skip
    for joint, theirs in source.items():
        ours = skeleton.JOINT_INDEX[joint]
        assert sample.joints_mm[ours] == pytest.approx(joints_mm[theirs] - joints_mm[14])
        assert sample.joints_px[ours] == pytest.approx(joints_px[theirs])
    assert not sample.annotated[skeleton.JOINT_INDEX["thorax"]] and sample.annotated.sum() == 15
    assert [s.subject for s in mpi_inf_3dhp.samples(tmp_path, "TS4")] == ["TS4"] * 3


def test_3dhp_file_is_what_matlab_writes(tmp_path: Path) -> None:
    write_3dhp(tmp_path, ["TS1"])
    path = tmp_path / "TS1" / "annot_data.mat"
    assert path.read_bytes()[512:516] == b"\x89HDF"
    with h5py.File(path) as file:
        assert file["univ_annot3"].shape == (5, 1, 17, 3) and file["valid_frame"].shape == (5, 1)
    with pytest.raises(NotImplementedError, match="HDF"):
        scipy.io.loadmat(path)


def test_3dhp_bad_frames_and_missing_sequences_are_counted_or_refused(tmp_path: Path) -> None:
    variables = write_3dhp(tmp_path, ["TS2"])
    broken = variables["annot2"].copy()
    broken[0, 3, 0, 1] = np.nan
    write_3dhp(tmp_path, ["TS2"], annot2=broken, activity_annotation=np.array([[1.0, 2.0, 8.0, 1.0, 6.0]]))
    (tmp_path / "TS2" / "imageSequence" / "img_000005.jpg").unlink()
    problems = Problems("MPI-INF-3DHP")
    assert not list(mpi_inf_3dhp.samples(tmp_path, problems=problems))
    assert problems.found == {
        "the sequence is missing": ["TS1", "TS3", "TS4", "TS5", "TS6"],
        "a joint is not a number": ["TS2/img_000002"],
        "the activity's number is unknown": ["TS2/img_000003"],
        "the picture is missing": ["TS2/img_000005"],
    }
    assert problems.lines()[0] == "MPI-INF-3DHP: 5 left out, the sequence is missing (TS1, TS3, TS4 and 2 more)"
    with pytest.raises(UserError, match=r"MPI-INF-3DHP TS1: the sequence is missing: get the test set"):
        list(mpi_inf_3dhp.samples(tmp_path, on_bad="stop"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"valid_frame": np.ones((1, 4))}, "TS1/annot_data.mat has fields of different lengths"),
        ({"univ_annot3": np.zeros((3, 28, 1, 5))}, r"`univ_annot3` of shape \(5, 1, 28, 3\): it should be 5 x 1 x 17"),
    ],
)
def test_3dhp_untrustworthy_annotation_is_refused(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    write_3dhp(tmp_path, ["TS1"], **changes)
    with pytest.raises(UserError, match=sentence):
        list(mpi_inf_3dhp.samples(tmp_path, "TS1"))
    (tmp_path / "TS1" / "annot_data.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(600))
    with pytest.raises(UserError, match=r"annot_data\.mat is damaged or not HDF5"):
        list(mpi_inf_3dhp.samples(tmp_path, "TS1"))


def test_3dhp_cut_off_file_is_refused(tmp_path: Path) -> None:
    write_3dhp(tmp_path, ["TS1"])
    path = tmp_path / "TS1" / "annot_data.mat"
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(UserError, match="is damaged or not HDF5"):
        list(mpi_inf_3dhp.samples(tmp_path, "TS1"))


def test_hips_and_pelvis_move_a_fifth_towards_the_neck() -> None:
    joints = np.zeros((2, 16, 3))
    joints[:, 8, 1] = -500.0
    joints[:, 2, 0], joints[:, 3, 0] = 130.0, -130.0
    moved = mpi_inf_3dhp.hips_towards_neck(joints)
    assert moved[0, 6].tolist() == [0, 0, 0] and moved[0, 8].tolist() == [0, -400, 0]
    assert moved[1, 2].tolist() == [104, 0, 0] and moved[1, 0].tolist() == [0, 100, 0]
    assert joints[0, 8, 1] == -500.0


def test_the_catalogue_opens_every_set_by_its_name(tmp_path: Path) -> None:
    write_tompson(tmp_path / "mpii" / "annot" / "valid.h5")
    write_lsp(tmp_path / "lspet", "lspet")
    (tmp_path / "lspet" / "val.txt").write_text("im00002.jpg")
    write_lsp(tmp_path / "lsp", "lsp")
    write_human36m(tmp_path / "human36m" / "annotSampleTest.h5", [(9, 2, 1, 1, 1)])
    write_3dhp(tmp_path / "mpi_inf_3dhp_test_set")
    counts = {}
    for name in catalogue.SETS:
        split = "train" if name == "lsp" else None
        found: list[Sample] = list(catalogue.samples(name, tmp_path, split, "stop"))
        counts[name] = len(found)
        assert all(sample.joints_px.shape == (16, 2) for sample in found)
        assert all((sample.joints_mm is not None) == (catalogue.SETS[name].labels == "3D") for sample in found)
    assert counts == {"mpii": 2, "lsp": 4, "lspet": 1, "human36m": 1, "mpi_inf_3dhp": 18}
    with pytest.raises(UserError, match="there is no data set coco: choose one of mpii, lsp, lspet, human36m"):
        catalogue.samples("coco", tmp_path)
    states = {line.name: line for line in catalogue.check(tmp_path) if line.state == "ok"}
    assert set(states) == set(catalogue.SETS)
    assert states["lspet"].text == "joints.mat, 4 annotated persons, 4 pictures"
    assert states["mpi_inf_3dhp"].text == "valid frames: TS1 3, TS2 3, TS3 3, TS4 3, TS5 3, TS6 3, 18 pictures"


def test_the_check_says_how_to_get_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "mpii" / "images").mkdir(parents=True)
    lines = {line.name: line for line in catalogue.check(tmp_path)}
    assert all(line.state == "note" for line in lines.values()) and list(lines) == list(catalogue.SETS)
    assert lines["mpii"].text == "the folder lacks the annotation or images/"
    assert "mpii_human_pose_v1_u12_1.mat" in lines["mpii"].what_to_do
    assert str(lines["human36m"]).startswith("human36m: not there (register at vision.imar.ro/human3.6m")
    for name in catalogue.SETS:
        with pytest.raises(UserError, match=r"holds no .* set"):
            list(catalogue.samples(name, tmp_path))


def test_the_check_names_missing_pictures_and_damaged_files(tmp_path: Path) -> None:
    write_3dhp(tmp_path / "mpi_inf_3dhp_test_set", ["TS1", "TS2"])
    (tmp_path / "mpi_inf_3dhp_test_set" / "TS2" / "imageSequence" / "img_000003.jpg").unlink()
    (tmp_path / "mpi_inf_3dhp_test_set" / "TS2" / "imageSequence" / "img_000001.jpg").unlink()  # not a valid frame
    write_lsp(tmp_path / "lspet", "lspet")
    (tmp_path / "lspet" / "joints.mat").write_bytes(b"cut off")
    lines = catalogue.check(tmp_path)
    hp = [line for line in lines if line.name == "mpi_inf_3dhp"]
    assert hp[0].state == "fault" and "1 of 6 pictures missing:" in hp[0].text
    assert "TS2/imageSequence/img_000003.jpg" in hp[0].text
    assert [line.text for line in hp[1:]] == [f"TS{number} has no annot_data.mat" for number in (3, 4, 5, 6)]
    (lspet,) = (line for line in lines if line.name == "lspet")
    assert lspet.state == "fault" and "not LSP's or LSP-Extended's annotation" in lspet.text


def test_the_check_tells_what_only_some_uses_need(tmp_path: Path) -> None:
    write_official(tmp_path / "mpii", RECTANGLE)
    write_lsp(tmp_path / "lspet", "lspet")
    notes = {(line.name, line.text) for line in catalogue.check(tmp_path) if line.state == "note"}
    assert ("mpii", f"{mpii.OFFICIAL} does not say which persons are for validation") in notes
    assert ("lspet", "no val.txt") in notes
