"""What a config says of its texts: weights, tags and directions; what it must not say; and what is read then."""

import re
from pathlib import Path
from typing import Any

import pytest

from mtkit.config import Loaded, differences, load, parse
from mtkit.corpus.mixture import shares
from mtkit.errors import ConfigError, DataError
from mtkit.jobs import texts
from mtkit.jobs.evaluate import labels
from mtkit.jobs.preparing.inputs import find
from mtkit.schema import Config, Data, Tag
from mtkit.text import reserved

EN_DE, DE_EN, EN_FR = ("en", "de"), ("de", "en"), ("en", "fr")
THREE: list[Any] = [
    {"path": "t", "tag": "2de"},
    {"path": "t", "tag": "<2en>", "languages": ["de", "en"]},
    {"path": "f", "tag": "2fr", "languages": ["en", "fr"], "weight": 2.0},
    {"path": "b", "tag": "bt"},
]


def config(train: Any, **data: Any) -> Config:
    return parse({"data": {"source_lang": "en", "target_lang": "de", "train": train} | data}, "x")


def refused(train: Any, **data: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        config(train, **data)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_a_path_alone_stays_one() -> None:
    """So that what was prepared and trained by a config without tables is known again."""
    made = config(["a", {"path": "b"}], dev="d", test=["e", {"path": "f"}]).data.model_dump()
    assert (made["train"], made["dev"], made["test"]) == (["a", "b"], "d", ["e", "f"])
    assert config("a").data.model_dump()["dev"] == ""
    assert config("a", dev=["d", "e"]).data.model_dump()["dev"] == ["d", "e"]
    assert config(THREE).data.model_dump()["train"][2] == {
        "path": "f",
        "tag": "2fr",
        "languages": ["en", "fr"],
        "weight": 2.0,
    }
    whole = config(THREE, dev="d")
    assert not differences(whole, parse(whole.model_dump(), "x", whole=True))


def test_what_is_prepared_does_not_depend_on_how_often_it_is_drawn() -> None:
    once = config(["a", "b"]).data.prepared()
    assert config(["a", {"path": "b", "weight": 3.0}], mixing="temperature", temperature=2).data.prepared() == once
    assert config(["a", {"path": "b", "tag": "x"}]).data.prepared() != once


@pytest.mark.parametrize(
    ("train", "more", "weights"),
    [
        (["a", "b"], {}, []),
        (["a", {"path": "b", "weight": 3.0}], {}, [1, 3]),
        (["a", "b"], {"mixing": "share"}, [1, 1]),
        (["a", {"path": "b", "weight": 0.5}], {"mixing": "temperature"}, [1, 0.5]),
    ],
)
def test_weights(train: Any, more: dict[str, Any], weights: list[float]) -> None:
    assert config(train, **more).data.weights == weights


def test_tags_and_directions() -> None:
    data = config(THREE).data
    assert data.tags == [Tag("2de", EN_DE), Tag("bt", EN_DE), Tag("2en", DE_EN), Tag("2fr", EN_FR)]
    assert data.directions == [Tag("2de", EN_DE), Tag("2en", DE_EN), Tag("2fr", EN_FR)]
    plain = config([{"path": "f", "tag": "2fr", "languages": ["en", "fr"]}, "t"]).data
    assert plain.tags[0] == Tag("", EN_DE)  # its own languages first
    assert [data.turned(pair) for pair in (EN_DE, DE_EN, EN_FR, ("fr", "en"))] == [False, True, False, True]


def test_dev_and_test_are_read_in_every_direction_or_as_they_say() -> None:
    given: list[Any] = ["t", {"path": "u", "languages": ["de", "en"]}, {"path": "v", "tag": "bt"}]
    data = config(THREE, test=given).data
    assert {label: tag.name for label, (_, tag) in labels(data).items()} == {
        "t.en-de": "2de",
        "t.de-en": "2en",
        "t.en-fr": "2fr",
        "u.de-en": "2en",
        "v.en-de": "bt",
    }
    assert list(labels(config("a", test=["x/t", "y/t"]).data)) == ["x_t", "y_t"]


@pytest.mark.parametrize(
    ("train", "more", "says"),
    [
        ([{"path": "a", "wieght": 2.0}, "b"], {}, "unknown key data.train[0].wieght, did you mean 'weight'?"),
        ([{"tag": "x"}], {}, "data.train[0].path is required but missing"),
        (["a", 5], {}, "data.train[1] = 5: expected a path or a table of keys"),
        (["a", {"path": "b", "weight": 0.0}], {}, "data.train[1].weight = 0.0: input should be greater than 0"),
        (["a", {"path": "b", "weight": "2"}], {}, 'data.train[1].weight = "2": input should be a valid number'),
        ([{"path": "a", "tag": "to de"}], {}, "data.train[0].tag: a tag is a word"),
        ([{"path": "a", "tag": "x" * 33}], {}, "data.train[0].tag: a tag is a word of at most 32 characters"),
        ([{"path": "a", "languages": ["en"]}], {}, 'data.train[0].languages = ["en"]: list should have at least 2'),
        ("a", {"mixing": "share"}, "data.train is one text, of which all is drawn"),
        ([{"path": "a", "weight": 2.0}], {}, "data.train is one text, of which all is drawn"),
        (["a", "b"], {"temperature": 2}, 'data.temperature = 2.0 has no effect with data.mixing = "auto"'),
        (["a", "b"], {"mixing": "size"}, 'data.mixing = "size": input should be'),
        ([{"path": "a", "languages": ["de", "en"]}], {}, "no text of data.train is of en to de"),
        (
            ["a", {"path": "b", "languages": ["en", "fr"]}],
            {},
            "data.train has texts of en to de and of en to fr with no tag, so that a model could not tell",
        ),
        (
            THREE,
            {"dev": {"path": "d", "tag": "2es"}},
            "d is to be translated as <2es>, and data.train has only <2de> (",
        ),
        (
            THREE,
            {"test": [{"path": "d", "languages": ["fr", "en"]}]},
            "d is to be translated as fr to en, and data.train",
        ),
        ("a", {"dev": {"path": "d", "weight": 2.0}}, "unknown key data.dev[0].weight"),
    ],
)
def test_what_is_refused_in_one_line(train: Any, more: dict[str, Any], says: str) -> None:
    assert says in refused(train, **more)


def test_the_guide_says_what_can_be_said(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs/corpora.md").read_text(encoding="utf-8")
    made = []
    for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        (tmp_path / "mtkit.toml").write_text(block)
        made.append(load(str(tmp_path / "mtkit.toml")).config.data)
    first, second = made
    names = [text.path for text in first.train]
    told = [f"{share:.1%}" for share in shares(names, [50_000, 200_000, 50_000], first.weights)]
    assert told == re.findall(r"[\d.]+%", page)
    assert [tag.name for tag in first.tags] == ["", "bt"]
    assert [tag.direction for tag in second.directions] == ["en-de", "de-en", "en-fr"]
    assert f"A model may have {len(reserved.TAGS)}." in page.replace("\n", " ")


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / name).write_text("".join(line + "\n" for line in lines))


def test_one_text_is_read_in_both_directions(tmp_path: Path) -> None:
    there = {"t.en": "one", "t.de": "eins", "f.fr": "un", "f.en": "one", "b.de": "a", "b.en": "b"}
    for name, text in there.items():
        write(tmp_path, name, text)
    loaded = Loaded(config=config(THREE, test="t.tsv"), folder=tmp_path, origin="x")
    read = [list(reader) for reader in texts.trained(loaded)]
    assert read == [[("one", "eins")], [("eins", "one")], [("one", "un")], [("b", "a")]]
    write(tmp_path, "t.tsv", "one\teins")  # nobody says which column is which: that of source_lang comes first
    uses = {use.name: next(iter(use.reader)) for use in texts.used(loaded, loaded.config.data.test)}
    assert uses == {"t.tsv.en-de": ("one", "eins"), "t.tsv.de-en": ("eins", "one"), "t.tsv.en-fr": ("one", "eins")}


def test_scores_are_asked_of_readers_that_have_some(tmp_path: Path) -> None:
    write(tmp_path, "t.en", "one")
    write(tmp_path, "t.de", "eins")
    made = config([{"path": "t", "min_score": 0.5}])
    with pytest.raises(DataError, match=r"^t gives no score of a pair, and min_score = 0.5 needs one: leave it out"):
        find(Loaded(config=made, folder=tmp_path, origin="x"))


def test_tags_have_symbols_and_those_of_a_parent_stay_its_own() -> None:
    names = [tag.name for tag in Data.model_validate(config(THREE).data.model_dump()).tags]
    assert list(reserved.of_tags(names).values()) == list(reserved.TAGS[:4])
    known = {"2en": reserved.TAGS[1], "old": reserved.TAGS[0]}
    assert list(reserved.of_tags(names, known).values()) == [reserved.TAGS[i] for i in (2, 3, 1, 4)]
    with pytest.raises(ConfigError, match="41 tags are more than the 40"):
        reserved.of_tags([str(number) for number in range(41)])
