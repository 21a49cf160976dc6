"""What a model makes of a text: its loss, and the scores of greedy translations, as a validation has them."""

from collections.abc import Iterator, Sequence

import torch

from mtkit.corpus.batch import Batcher
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import LOSS, Score, Texts, scores
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Decode, Eval
from mtkit.text.readers.reader import Pair
from mtkit.text.tokenizer import Tokenizer
from mtkit.train.loss import batch_loss
from mtkit.translator.member import Member
from mtkit.translator.request import Request
from mtkit.translator.translator import Translator

METRICS = ("bleu", "chrf")
TOKENS = 4096  # of a batch, padding included


def loss(model: Seq2Seq, tokenizers: tuple[Tokenizer, Tokenizer], pairs: Sequence[Pair], longest: int) -> float:
    """The mean loss a target token, without smoothing.

    Args:
        longest: pieces of a side, after which it is cut.
    """
    ids = [
        [sentence[:longest] for sentence in tokenizer.encode(list(side))]
        for tokenizer, side in zip(tokenizers, zip(*pairs, strict=True), strict=True)
    ]
    device = model.source_VE.device
    batcher = Batcher(tokenizers[0].eos, tokenizers[1].bos, tokenizers[1].eos, device=device)
    total, count = 0.0, 0
    model.eval()
    with torch.inference_mode():
        for rows in _batches([1 + max(map(len, pair)) for pair in zip(*ids, strict=True)]):
            summed, tokens = batch_loss(model, batcher(*([side[row] for row in rows] for side in ids)))
            total, count = total + float(summed), count + tokens
    return total / count


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows of about equal lengths."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if rows and (len(rows) + 1) * lengths[row] > TOKENS:
            yield rows
            rows = []
        rows.append(row)
    yield rows


def translated(member: Member, pairs: Sequence[Pair], languages: Pair, decode: Decode, asked: Eval) -> list[Score]:
    """The scores of greedy translations."""
    greedy = Decode.model_validate({"beam_size": 1, "max_ratio": decode.max_ratio, "rules": decode.rules})
    sources, references = (list(side) for side in zip(*pairs, strict=True))
    made = Translator([member], greedy, languages).translations(sources, request=Request(protect=False))
    tokenize, _ = tokenizer_for(asked.tokenize, languages[1])
    return scores(METRICS, Texts([one.text for one in made], [references], sources, tokenize))


def everything(
    member: Member, pairs: Sequence[Pair], languages: Pair, decode: Decode, asked: Eval
) -> tuple[dict[str, float], dict[str, str]]:
    """Loss and scores by name, and how the scores were made."""
    tokenizers = (member.source_tokenizer, member.target_tokenizer)
    found = translated(member, pairs, languages, decode, asked)
    told = {LOSS: loss(member.model, tokenizers, pairs, member.max_pieces)} | {one.name: one.score for one in found}
    return told, {one.name: one.signature for one in found}
