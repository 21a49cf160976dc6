"""What a model makes of a text: its loss, and the scores of greedy translations, as a validation has them."""

from collections.abc import Iterator, Sequence

import torch

from mtkit.corpus.batch import Batch, Batcher
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import LOSS, Score, Texts, scores
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops.products import linear
from mtkit.schema import Decode, Eval
from mtkit.text.masked import Masks
from mtkit.text.readers.reader import Pair
from mtkit.text.tokenizer import Tokenizer
from mtkit.train.loss import batch_loss
from mtkit.translator import telling
from mtkit.translator.member import Member
from mtkit.translator.request import Request
from mtkit.translator.translator import Translator

Tokenizers = tuple[Tokenizer, Tokenizer]
"""Of source and target."""
METRICS = ("bleu", "chrf")
TOKENS = 2048  # of a batch, padding included


def loss(
    model: Seq2Seq, tokenizers: Tokenizers, pairs: Sequence[Pair], longest: int, head: Sequence[int] = ()
) -> float:
    """The mean loss a target token, without smoothing.

    Args:
        longest: pieces of a side, after which it is cut.
        head: what each source begins with.
    """
    total, count = 0.0, 0
    with torch.inference_mode():
        for _, batch in _batches(model, tokenizers, pairs, longest, head):
            summed, tokens = batch_loss(model, batch)
            total, count = total + float(summed), count + tokens
    return total / count


def masked(spans: Sequence[str] | None, languages: Pair, pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Pairs as models see them that have learnt of spans; `spans`: see `Member`."""
    if spans is None:
        return pairs
    masks = Masks(languages, spans)
    return [masks.pair(*pair) for pair in pairs]


def losses(
    model: Seq2Seq, tokenizers: Tokenizers, pairs: Sequence[Pair], longest: int, head: Sequence[int] = ()
) -> list[float]:
    """The loss of each pair, summed over its target; see `loss`."""
    found = [0.0] * len(pairs)
    with torch.inference_mode():
        for rows, batch in _batches(model, tokenizers, pairs, longest, head):
            features_NE, pieces_N = model(batch)
            output = model.output
            logprobs_NV = linear(features_NE, output.weight_VE, output.bias_V).log_softmax(-1)
            losses_N = -logprobs_NV.gather(1, pieces_N.unsqueeze(1)).squeeze(1)
            sums_B = losses_N.new_zeros(len(rows)).index_add_(0, batch.target_packing.sentence_N, losses_N)
            for row, summed in zip(rows, sums_B.tolist(), strict=True):
                found[row] = summed
    return found


def _batches(
    model: Seq2Seq, tokenizers: Tokenizers, pairs: Sequence[Pair], longest: int, head: Sequence[int]
) -> Iterator[tuple[list[int], Batch]]:
    """Pairs of about equal lengths together: which they are, in the order of the batch, and the batch."""
    model.eval()
    sides = zip(tokenizers, zip(*pairs, strict=True), strict=True)
    sources, targets = ([ids[:longest] for ids in tokenizer.encode(list(side))] for tokenizer, side in sides)
    sources = [[*head, *ids] for ids in sources]
    batcher = Batcher(tokenizers[0].eos, tokenizers[1].bos, tokenizers[1].eos, device=model.source_VE.device)
    for rows in _rows([1 + max(map(len, pair)) for pair in zip(sources, targets, strict=True)]):
        rows.sort(key=lambda row: -len(targets[row]))  # as a batch has them
        yield rows, batcher([sources[row] for row in rows], [targets[row] for row in rows])


def _rows(lengths: Sequence[int]) -> Iterator[list[int]]:
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
    settings = {"beam_size": 1, "max_ratio": decode.max_ratio, "rules": decode.rules, "precision": "fp32"}
    greedy = Decode.model_validate(settings)
    sources, references = (list(side) for side in zip(*pairs, strict=True))
    request = Request(protect=member.spans is not None)
    made = Translator([member], greedy, languages).translations(sources, request=request)
    tokenize, _ = tokenizer_for(asked.tokenize, languages[1])
    return scores(METRICS, Texts([one.text for one in made], [references], sources, tokenize))


def everything(
    member: Member, pairs: Sequence[Pair], languages: Pair, decode: Decode, asked: Eval
) -> tuple[dict[str, float], dict[str, str]]:
    """Loss and scores by name, and how the scores were made."""
    tokenizers = (member.source_tokenizer, member.target_tokenizer)
    found = translated(member, pairs, languages, decode, asked)
    lost = loss(
        member.model,
        tokenizers,
        masked(member.spans, languages, pairs),
        member.max_pieces,
        telling.first(member),
    )
    told = {LOSS: lost} | {one.name: one.score for one in found}
    return told, {one.name: one.signature for one in found}
