"""What README.md of an export to CTranslate2 says: how it is used, and what is of mtkit and not of the model."""

from mtkit.store.bundle_config import BundleConfig

CODE = """import ctranslate2
import sentencepiece

FOLDER = "."  # where this file lies
source = sentencepiece.SentencePieceProcessor(model_file=f"{{FOLDER}}/{source}")
target = sentencepiece.SentencePieceProcessor(model_file=f"{{FOLDER}}/{target}")
translator = ctranslate2.Translator(FOLDER, device="cpu", inter_threads=1, intra_threads=1)


def translate(lines: list[str]) -> list[str]:
    pieces = source.encode(lines, out_type=str)
    found = translator.translate_batch(
        pieces, {settings}
    )
    return [target.decode(one.hypotheses[0]) for one in found]
"""


def card(config: BundleConfig, precision: str, shortlist: bool, original: str) -> str:
    """Markdown.

    Args:
        original: the card of the model that it was made of.
    """
    decode = config.decode
    settings = [f"beam_size={decode.beam_size}", 'max_batch_size=4096, batch_type="tokens"', "disable_unk=True"]
    settings += [f"no_repeat_ngram_size={decode.no_repeat_ngram}"] * bool(decode.no_repeat_ngram)
    settings += ["use_vmap=True"] * shortlist
    code = CODE.format(source=config.tokenizers[0], target=config.tokenizers[-1], settings=", ".join(settings))
    return (
        f"# {config.source_lang} to {config.target_lang}, for CTranslate2\n\n"
        f"A Transformer trained with mtkit, exported in {precision}. With `pip install ctranslate2 sentencepiece`:\n\n"
        f"```python\n{code}```\n\n"
        "The model is the same, and so is what it says of every piece. What surrounds it is mtkit's and not in this "
        "folder: placeholders and tags that are kept, characters that are folded, blank lines that stay blank, long "
        f"lines that are cut (this model has seen {config.max_pieces} pieces at most), pieces that never come. "
        "Of a beam CTranslate2 divides log-probabilities by length^A, mtkit by ((5 + length) / 6)^A with the end "
        "counted: with `length_penalty=0` in both they agree, but for ties and for what a beam has dropped."
        f"\n\nWhat follows is the card of the model that this one was made of.\n\n{original}"
    )
