"""Training configurations: shipped ones are valid, wrong keys and values are refused with the nearest right one."""

from __future__ import annotations

import pytest

from core.errors import UserError
from tests.training_kit import ROOT
from train import config
from train.locate import command as locating
from train.locate import config as locate_config


def test_a_checkpoint_does_not_tell_where_its_maker_keeps_things() -> None:
    loaded = config.load(ROOT / "resources" / "configs" / "compact.toml", ["data.rendered=/home/ann/secret/train"])
    told = loaded.to_publish()
    assert told["data"]["rendered"] == "train" and told["data"]["cache"] == "" and "ann" not in str(told)


def test_shipped_configurations_are_valid() -> None:
    paths = sorted((ROOT / "resources" / "configs").glob("*.toml"))
    assert paths
    for path in paths:
        if locating.asked_for(path):
            locate_config.check(config.build(locate_config.LocateConfig, config.read(path)))
            continue
        loaded = config.load(path)
        assert config.from_dict(loaded.to_dict()) == loaded


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("optimiser.bacth=4", "did you mean batch"),
        ("network.preset=compat", "did you mean compact"),
        ("optimiser.batch=many", "not a whole number"),
        ("stage.9.rate=1", "names nothing"),
        ("stage.0.weights.geometri=1.0", "did you mean geometry"),
        ("optimiser.batch", "has no value"),
        ("run.log_every=0", "below 1"),
        ("stage.0.depth_fraction=7", "no share"),
        ("stage=3", "not a list"),
        ("data.photos_kind=mpi", "did you mean mpii"),
        ("data.photo_kind=mpii", "did you mean photos_kind"),
        ("data.rendered_kind=lspet", "lspet has no 3D truth"),
        ("data.rendered_kind=mpi_inf_3dhp", "never trained on"),
        ("data.on_bad=stopp", "did you mean stop"),
        ("optimiser.compile=1", "not true or false"),
        ("run.keep_evry=5", "did you mean keep_every"),
        ("run.keep_every=-1", "negative"),
        ("stage.1.rate=-0.001", "stage.1.rate = -0.001 is negative"),
        ("stage.0.rate=0", "stage.0.rate is 0"),
        ("stage.2.weights.geometry=nan", "negative or no number"),
        ("augment.gain=-0.4", "negative or no number"),
        ("optimiser.average_decay=1.0", "would never move"),
        ("run.save_minutes=nan", "no time"),
        ("run.validate_pictures=some", "not a whole number"),
    ],
)
def test_wrong_overrides_are_refused_with_the_nearest_right_one(override: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        config.load(ROOT / "resources" / "configs" / "compact.toml", [override])


def test_overrides_reach_nested_values() -> None:
    loaded = config.load(
        ROOT / "resources" / "configs" / "compact.toml",
        ["stage.2.weights.geometry=0", "run.name=x", "optimiser.batch=8"],
    )
    assert loaded.stage[2].weights.geometry == 0.0 and loaded.run.name == "x" and loaded.optimiser.batch == 8


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("stage.1.name=1", "two stages are called 1"),
        ("stage.0.name=a/b", "'a/b' cannot be part of a file's name"),
        ("run.name=", "'' cannot be part of a file's name"),
    ],
)
def test_names_that_no_file_can_have_are_refused_before_the_first_step(override: str, sentence: str) -> None:
    key, _, value = override.partition("=")
    with pytest.raises(UserError, match=sentence):
        config.load(ROOT / "resources" / "configs" / "compact.toml", [f'{key}="{value}"'])
