"""Transformers exported to CTranslate2 say there what they say here, in fp32 to the fourth digit; and in Argos
Translate what they say in CTranslate2."""

import ast
import importlib.util
import json
import random
import re
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mtkit.text.tokenizer import Tokenizer
from mtkit.translator.request import Pair
from mtkit.translator.translator import Translator
from tests.system.toy import CONFIG, ENVIRONMENT, WORDS, failed, make, mtkit, python, ran

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.system
CLOSE = 1e-4
TRANSFORMER = """
[model.encoder]
name = "transformer"
layers = 2
heads = 2
[model.decoder]
name = "transformer"
layers = 2
"""
ARGOS = """
import json, sys, types
for name in ("stanza", "minisbd"):  # they find sentences, of which each line here is one
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].SBDetect = None
        sys.modules[name].models = types.SimpleNamespace(list_models=list)
from argostranslate import package, sbd, translate
sbd.MiniSBDSentencizer.split_sentences = lambda self, text: [text]
for path in sys.argv[1:]:
    package.install_from_path(path)
(source,) = [one for one in translate.get_installed_languages() if one.code == "en"]
(target,) = [one for one in translate.get_installed_languages() if one.code == "de"]
found = source.get_translation(target)
print(json.dumps([found.translate(line) for line in json.load(sys.stdin)]))
"""
QUICK = (
    "train.max_updates=250",
    "train.validate_every=250",
    "train.lr=0.005",
    "train.batch_tokens=400",
    "decode.beam_size=1",
)
VARIANTS = {
    "plain": ("model.embed_dim=64",),  # all tied, one width, sines and cosines
    "learned": (
        "model.embed_dim=32",
        "model.tie=none",
        'model.encoder.positions="learned"',
        "model.encoder.ffn_dim=96",
    ),
    "rotary": ("model.tie=inputs", 'model.encoder.positions="rotary"', 'model.decoder.positions="rotary"'),
    "two": ("tokenizer.shared=false", "tokenizer.vocab_size=350", 'model.decoder.positions="rotary"'),
}
"""The others project embeddings of another width than that of blocks."""


@pytest.fixture(scope="module")
def ctranslate2() -> ModuleType:
    return pytest.importorskip("ctranslate2", reason="the package ctranslate2 is not installed")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small Transformer of each variant is trained, runs/NAME, and exported in fp32, NAME."""
    folder = make(tmp_path_factory.mktemp("ctranslate2") / "toy", CONFIG + TRANSFORMER)
    for name, settings in VARIANTS.items():
        given = [part for one in (f'name="{name}"', *QUICK, *settings, "decode.beam_size=1") for part in ("-s", one)]
        ran(mtkit(folder, "train", "-q", *given))
        ran(mtkit(folder, "export", "-q", "--to", "ctranslate2", "--precision", "fp32", f"runs/{name}", name))
    return folder


def lines(count: int = 100) -> list[str]:
    rng = random.Random(5)
    return [" ".join(rng.choice(list(WORDS)) for _ in range(rng.randint(1, 8))) for _ in range(count)]


@pytest.fixture(params=list(VARIANTS))
def both(request: pytest.FixtureRequest, toys: Path, ctranslate2: ModuleType) -> tuple[Translator, Any, Path]:
    """A variant here and there, and the folder of the latter."""
    there = ctranslate2.Translator(str(toys / request.param), compute_type="float32", intra_threads=1)
    return Translator.load(toys / "runs" / request.param, device="cpu", precision="fp32"), there, toys / request.param


def tokenizers(folder: Path) -> tuple[Tokenizer, Tokenizer]:
    names = ("source.model", "target.model") if (folder / "source.model").exists() else ("tokenizer.model",) * 2
    source, target = (Tokenizer.read(folder / name) for name in names)
    return source, target


def named(tokenizer: Tokenizer, texts: list[str]) -> list[list[str]]:
    return [tokenizer.pieces(ids) for ids in tokenizer.encode(texts)]


def test_the_same_likelihood(both: tuple[Translator, Any, Path]) -> None:
    """Of pairs that no search has chosen, piece by piece."""
    here, there, folder = both
    sources = lines()
    targets = sources[1:] + sources[:1]
    source, target = tokenizers(folder)
    told = there.score_batch(named(source, sources), named(target, targets))
    pairs = [Pair(one, other) for one, other in zip(sources, targets, strict=True)]
    for pair, found in zip(here.forced(pairs), told, strict=True):
        (one,) = pair.candidates
        assert one.token_logprobs == pytest.approx(found.log_probs, abs=CLOSE, rel=2e-5)


@pytest.mark.parametrize("beam", [1, 5])
def test_the_same_translations(both: tuple[Translator, Any, Path], beam: int) -> None:
    """Without a penalty of length, which is another one there, and with no translation too short or too long."""
    here, there, folder = both
    source, _ = tokenizers(folder)
    asked: dict[str, Any] = {"beam_size": beam, "length_penalty": 0.0}
    free = {"min_decoding_length": 0, "max_decoding_length": 500}
    found = there.translate_batch(named(source, lines()), **asked, **free, return_scores=True, return_attention=True)
    told = here.translate(lines(), **asked, max_ratio=100.0, align=True)
    same = 0
    for one, other in zip(told, found, strict=True):
        (best,) = one.candidates
        if best.tokens != other.hypotheses[0]:  # one that has ended keeps its place in a beam here, and not there
            assert beam > 1
            assert best.logprob < other.scores[0] + CLOSE
            continue
        same += 1
        assert best.logprob == pytest.approx(other.scores[0], abs=CLOSE)
        if beam == 1:
            assert best.attention is not None
            for ours, theirs in zip(best.attention, other.attention[0], strict=False):  # without the end, there
                assert ours[:-1] == pytest.approx(theirs, abs=CLOSE)
    assert same >= 0.95 * len(found)


def test_the_card_says_how(both: tuple[Translator, Any, Path]) -> None:
    here, _, folder = both
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace('FOLDER = "."', f"FOLDER = {str(folder)!r}"), names)
    found, told = names["translate"](lines()), here.translate(lines())  # greedy, as the config says, in both
    source, _ = tokenizers(folder)
    limits = [3 * len(ids) + 10 for ids in source.encode(lines())]
    ended = [len(one.candidates[0].tokens) < limit for one, limit in zip(told, limits, strict=True)]
    same = [one == other.text for one, other in zip(found, told, strict=True)]
    assert sum(ended) > 0.7 * len(ended)
    assert sum(a and b for a, b in zip(same, ended, strict=True)) >= 0.95 * sum(ended)


def test_the_page_about_it(toys: Path, ctranslate2: ModuleType) -> None:
    page = (ROOT / "docs/ctranslate2.md").read_text(encoding="utf-8")
    (commands,), (code,) = (re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("sh", "python"))
    for line in commands.splitlines():
        if line.startswith("mtkit "):
            given = line.replace("runs/en-de", "runs/plain").split()[1:]
            ran(mtkit(toys, *given, *(["-c", "mtkit.toml"] if "--shortlist" in given else [])))
    done = python(code, folder=toys)
    assert len(ast.literal_eval(ran(done))) == 2
    (config,) = toys.glob("there/config.json")
    assert json.loads(config.read_text())["add_source_eos"]
    failed(mtkit(toys, "translate", "-q", "-m", "there"), "there is no bundle")


def test_a_shortlist_and_rounded_weights(toys: Path, ctranslate2: ModuleType) -> None:
    sizes = []
    for precision in ("fp32", "bf16", "int8"):
        asked = ["--to", "ctranslate2", "--precision", precision, "--shortlist", "-c", "mtkit.toml"]
        ran(mtkit(toys, "export", "-q", *asked, "runs/plain", "short"))  # in the place of the one before
        sizes.append((toys / "short/model.bin").stat().st_size)
        there = ctranslate2.Translator(str(toys / "short"), intra_threads=1)
        source, _ = tokenizers(toys / "short")
        found = there.translate_batch(named(source, lines()), use_vmap=True, beam_size=1)
        told = Translator.load(toys / "runs/plain", device="cpu", precision="fp32").translate(lines(), beam_size=1)
        same = [one.candidates[0].tokens == other.hypotheses[0] for one, other in zip(told, found, strict=True)]
        assert sum(same) > 0.9 * len(same)
    assert sizes[0] > 1.8 * sizes[1] > 1.8 * sizes[2]  # where weights are of 8 bits, positions are fp32
    # A piece that translates nothing else is no candidate.
    only = " ".join(piece for piece in (toys / "short/vmap.txt").read_text().splitlines()[0].split("\t")[1].split())
    assert "Hund" not in only.replace("▁", "")


@pytest.mark.parametrize("variant", ["plain", "two"])
def test_argos_translate_says_the_same(variant: str, toys: Path, ctranslate2: ModuleType, tmp_path: Path) -> None:
    asked = ["--to", "argos", "--precision", "fp32", f"runs/{variant}", f"{variant}.argosmodel"]
    for _ in range(2):  # in the place of the one before
        ran(mtkit(toys, "export", "-q", *asked))
    with zipfile.ZipFile(toys / f"{variant}.argosmodel") as package:
        (inside,) = [name for name in package.namelist() if name.endswith("/model/model.bin")]
        assert package.read(inside) == (toys / variant / "model.bin").read_bytes()
    if importlib.util.find_spec("argostranslate") is None:
        pytest.skip("argostranslate is not installed: make system installs it")
    texts = [*lines(), "two \U0001f600 cat"]
    source, target = tokenizers(toys / variant)
    there = ctranslate2.Translator(str(toys / variant), compute_type="float32", intra_threads=1)
    how: dict[str, Any] = {"beam_size": 4, "length_penalty": 0.2, "replace_unknowns": True}
    expected = [there.translate_batch([pieces], **how)[0].hypotheses[0] for pieces in named(source, texts)]
    where = {"ARGOS_PACKAGES_DIR": "packages", "XDG_DATA_HOME": ".", "XDG_CACHE_HOME": "cache", "HOME": "."}
    where |= {"ARGOS_COMPUTE_TYPE": "float32"}  # as it comes it rounds, if that is quicker
    done = python(
        ARGOS,
        str(toys / f"{variant}.argosmodel"),
        folder=tmp_path,
        environment=ENVIRONMENT | where,
        stdin=json.dumps(texts),
    )
    found = json.loads(ran(done))
    assert found == [target.decode([target.names.index(piece) for piece in one]) for one in expected]
    assert len(set(found)) > 50
