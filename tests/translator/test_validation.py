"""A validation translates as the commands do: its scores are those of the bundle that it writes."""

from pathlib import Path

import pytest
import torch

from mtkit.config import load
from mtkit.corpus.batch import Batcher
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.validate import Validator
from mtkit.jobs.view import Silent
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import Texts, scores
from mtkit.store import bundle
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator.translator import Translator
from tests.system import toy
from tests.translator.small import model_of


@pytest.mark.parametrize(
    "rules", [[], ["decode.max_ratio=1.5", "decode.beam_size=3"]], ids=["default", "of the config"]
)
def test_validation_is_what_the_bundle_says(tmp_path: Path, rules: list[str]) -> None:
    sets = ["model.embed_dim=16", "model.hidden_dim=16", "filter.max_pieces=8", "tokenizer.vocab_size=360"]
    loaded = load(str(toy.make(tmp_path / "toy") / "mtkit.toml"), [*sets, *rules])
    config = loaded.config
    prepared, _ = preprocess(loaded, Silent())
    words = Tokenizer.read(prepared.tokenizer_files[0])
    model = model_of(config.model, words)
    batcher = Batcher(words.eos, words.bos, words.eos, device=torch.device("cpu"))
    measured, sample = Validator(config, prepared, (words, words), batcher, lambda: None).measure(model)

    languages = (config.data.source_lang, config.data.target_lang)
    longest = prepared.split("train").longest_source
    about = bundle.describe(config.model, config.decode, [words], languages, longest)
    bundle.write(tmp_path / "bundle", model, [words], about, "a card")
    sources, references = prepared.dev_text()
    assert len(sources) > 1
    translator = Translator.load(tmp_path / "bundle", device="cpu", beam_size=1)
    texts = [one.text for one in translator.translate(sources)]
    assert (texts == [one.text for one in translator.translate(sources, max_ratio=3)]) == (not rules)
    scored = scores(["bleu", "chrf"], Texts(texts, [references], sources, tokenizer_for("auto", languages[1])[0]))
    assert {one.name: one.score for one in scored} == {name: measured[name] for name in ("bleu", "chrf")}
    assert scored[1].score > 0
    assert (sample.source, sample.translation) in list(zip(sources, texts, strict=True))
