"""`mtkit look` as a user types it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mtkit.jobs.look import short_names
from tests.system.toy import failed, mtkit, ran
from tests.translator.small import written

LINE = "the red dog sees the cat"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not trained: recurrent, with a convolution, a Transformer, and one without attention."""
    folder = tmp_path_factory.mktemp("bundles")
    written(folder / "recurrent")
    written(folder / "convolution", conv=2)
    written(folder / "transformer", encoder={"name": "transformer"}, decoder={"name": "transformer"})
    written(folder / "none", attention={"name": "none"}, decoder={"wiring": "plain"})
    return folder


def data(page: str) -> Any:
    """What a page has for its script."""
    (found,) = re.findall(r'<script type="application/json" id="looks">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def test_here_is_what_translate_says(trained: Path) -> None:
    score, text = ran(mtkit(trained, "translate", "--scores", "-q", stdin=f"{LINE}\n")).rstrip("\n").split("\t")
    told = ran(mtkit(trained, "look", LINE)).splitlines()
    assert told[0].endswith(f"runs/toy: {text}")
    assert f"score {score}, " in "\n".join(told)
    assert any(line.startswith("words: ") and "red→rote" in line for line in told)
    end = next(line for line in told if line.startswith("</s>")).split()
    assert end[1].endswith("%")
    assert int(end[-1]) > 50  # the end looks at the end
    assert not any("\x1b" in line for line in told)


def test_models_have_short_names() -> None:
    assert short_names(["/some/runs/a/best", "/some/runs/b/best"]) == ["a", "b"]
    assert short_names(["runs/a/best"]) == ["runs/a"]
    assert short_names(["a/x/1", "b/x/1"]) == ["a", "b"]
    assert short_names(["a", "a"]) == ["a", "a"]
    assert short_names(["best"]) == ["best"]


def test_a_page_of_several_models(bundles: Path) -> None:
    names = ["recurrent", "convolution", "transformer", "none"]
    models = [word for name in names for word in ("-m", name)]
    done = mtkit(bundles, "look", LINE, *models, "-o", "look.html", "--beam-size", "3")
    assert ran(done) == ""
    assert "none: this model has no attention" in done.stderr
    assert "open look.html in a browser" in done.stderr
    page = (bundles / "look.html").read_text(encoding="utf-8")
    (looks,) = data(page)
    assert [one["model"] for one in looks] == names
    for one in looks:
        said = ran(
            mtkit(
                bundles,
                "translate",
                "-m",
                one["model"],
                "--no-guard",
                "--scores",
                "--beam-size",
                "3",
                "-q",
                stdin=f"{LINE}\n",
            )
        )
        score, _, text = said.removesuffix("\n").partition("\t")
        (part,) = one["parts"]
        assert one["translation"] == text
        assert part["score"] == pytest.approx(float(score), abs=1e-4)
        assert max(node["score"] for node in part["tree"] if node["score"] is not None) == part["score"]
        for attention in part["attention"]:
            for head in attention["heads"]:
                assert [sum(row) for row in head] == pytest.approx([1] * len(head), abs=1e-3)
    assert page.count("This model has no attention") == 1


def test_a_translation_that_is_given(bundles: Path) -> None:
    told = ran(mtkit(bundles, "look", LINE, "-m", "recurrent", "--target", "das Haus", "--json"))
    (part,) = json.loads(told)["looks"][0]["parts"]
    wanted = ran(mtkit(bundles, "score", "-m", "recurrent", stdin=f"{LINE}\tdas Haus\n"))
    assert part["logprob"] == pytest.approx(float(wanted), abs=1e-4)


def test_lines_of_a_file_or_of_a_pipe(bundles: Path) -> None:
    lines = "one two\n\n7\nthe house\n"
    (bundles / "lines.txt").write_text(lines)
    seen = ran(mtkit(bundles, "look", "-m", "recurrent", "-i", "lines.txt", "--json", "-q"))
    assert seen == ran(mtkit(bundles, "look", "-m", "recurrent", "--json", "-q", stdin=lines))
    told = [json.loads(line) for line in seen.splitlines()]
    assert [one["id"] for one in told] == [0, 1, 2, 3]
    assert [one["looks"][0]["source"] for one in told] == lines.split("\n")[:-1]
    assert [len(one["looks"][0]["parts"]) for one in told] == [1, 0, 0, 1]


def test_a_page_has_room_for_so_many(bundles: Path) -> None:
    done = mtkit(bundles, "look", "-m", "recurrent", "-o", "many.html", "--beam-size", "1", stdin="7\n" * 60)
    assert "the page holds the first 50 lines" in done.stderr
    assert len(data((bundles / "many.html").read_text(encoding="utf-8"))) == 50
    done = mtkit(bundles, "look", "-m", "recurrent", "-o", "none.html")
    assert "no line to look at" in done.stderr
    assert not (bundles / "none.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["one", "-i", "lines.txt"], "take one of them"),
        (["--target", "eins"], "--target goes with a SENTENCE"),
        (["one", "--target", " "], "must say something"),
        (["one", "--json", "-o", "look.html"], "take one of them"),
    ],
)
def test_wrong_usage(bundles: Path, arguments: list[str], said: str) -> None:
    done = mtkit(bundles, "look", "-m", "recurrent", *arguments)
    assert done.returncode == 2
    assert said in re.sub(r"\s+", " ", re.sub("[│╭╮╰╯─]", "", done.stderr))


def test_what_is_not_there(bundles: Path) -> None:
    failed(mtkit(bundles, "look", "one", "-m", "nowhere"), "nowhere")
    failed(mtkit(bundles, "look", "-i", "nowhere.txt", "-m", "recurrent"), "nowhere.txt")
    failed(mtkit(bundles, "look", "one", "-m", "recurrent", "-o", "nowhere/look.html"), "make it first")
