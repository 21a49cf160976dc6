"""What a model is made of, what it costs and what is known of its training. Neither trains nor translates."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from mtkit.config import Loaded
from mtkit.corpus.batch import Batcher
from mtkit.errors import DataError
from mtkit.jobs.origin import resolved
from mtkit.jobs.preparing.inputs import find, usable
from mtkit.metrics.bleu import tokenizer_for
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops import native
from mtkit.ops.products import formed
from mtkit.report.description import architecture
from mtkit.report.training import TrainingFacts
from mtkit.store import bundle
from mtkit.text.tokenizer import USUAL, Tokenizer
from mtkit.train.loss import PLAIN, Objective, batch_loss

PIECES = 16  # of each side of the sentences that a cost is counted on
SENTENCES = 8
NAMES = {"source_VE": "source embedding", "target_VE": "target embedding", "asking": "asking cell"}


@dataclass(frozen=True)
class Values:
    """A tensor of parameters."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    """How many it adds to the model."""
    tied_to: str | None
    """The part that counts it, where it is another tensor again."""


@dataclass(frozen=True)
class Part:
    """Parameters that belong together: a layer, an embedding, an attention."""

    name: str
    values: list[Values]

    @property
    def parameters(self) -> int:
        return sum(values.parameters for values in self.values)


@dataclass(frozen=True)
class Cost:
    """Multiplications and additions of matrix products for a target token, in FLOP."""

    forward: float
    backward: float

    @property
    def total(self) -> float:
        return self.forward + self.backward


@dataclass(frozen=True)
class Info:
    """All that can be said of a model before using it."""

    what: str
    """The bundle or config it was read from."""
    languages: tuple[str, str]
    architecture: dict[str, str]
    vocab_sizes: tuple[int, int]
    vocab_origin: str
    """Where the vocabulary sizes are from."""
    parts: list[Part]
    cost: Cost
    model_bytes: int
    """On disk: of the model file, or as it will be."""
    training: TrainingFacts | None = None
    """Of a bundle: its training."""
    version: str = ""
    """Of a bundle: of the mtkit that wrote it."""
    bleu_tokenizer: str = ""
    """What BLEU is computed with, of `eval.tokenize` or else by the target language; or why it cannot be."""
    native_code: str = ""
    """Whether parts of it are computed in C on this machine, or why not."""
    products: str = ""
    """What matrix products are formed with on this machine's processor."""
    tags: list[tuple[str, tuple[str, str]]] = field(default_factory=list)
    """What can stand before a source, with the languages that it asks for, first what does where nothing is said."""
    spans: str = ""
    """Of a bundle that has learnt of spans, what is hidden from it."""
    confidence: str = ""
    """Of a bundle with confidence, on what it was fitted and how far it can be trusted."""

    @property
    def parameters(self) -> int:
        return sum(part.parameters for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """Plain values; what only a bundle has is null for a config."""
        return {
            "model": self.what,
            "source_lang": self.languages[0],
            "target_lang": self.languages[1],
            "architecture": self.architecture,
            "vocab_sizes": list(self.vocab_sizes),
            "vocab_origin": self.vocab_origin,
            "parameters": self.parameters,
            "parts": [
                {
                    "name": part.name,
                    "parameters": part.parameters,
                    "tensors": [asdict(values) | {"shape": list(values.shape)} for values in part.values],
                }
                for part in self.parts
            ],
            "mflop_per_target_token": {
                "forward": self.cost.forward / 1e6,
                "backward": self.cost.backward / 1e6,
                "total": self.cost.total / 1e6,
                "pieces_per_sentence": PIECES,
            },
            "model_bytes": self.model_bytes,
            "training": _told(self.training) if self.training else None,
            "mtkit_version": self.version or None,
            "bleu_tokenizer": self.bleu_tokenizer,
            "native_code": self.native_code,
            "products": self.products,
            "tags": [{"tag": tag, "source_lang": source, "target_lang": target} for tag, (source, target) in self.tags],
            "spans": self.spans or None,
            "confidence": self.confidence or None,
        }


def of_bundle(path: Path) -> Info:
    """Describe a bundle, or a run's best one.

    Raises:
        BundleError: it is missing, damaged or of another format.
    """
    loaded = bundle.load(path, torch.device("cpu"))
    config = loaded.config
    return Info(
        what=str(loaded.folder),
        languages=(config.source_lang, config.target_lang),
        architecture=architecture(config.model),
        vocab_sizes=config.vocab_sizes,
        vocab_origin=_of_tokenizers(len(config.tokenizers)),
        parts=parts(loaded.model),
        cost=cost(loaded.model),
        model_bytes=(loaded.folder / "model.safetensors").stat().st_size,
        training=config.training,
        version=config.mtkit_version,
        bleu_tokenizer=_tokenizer("auto", config.target_lang),
        native_code=str(native.status()),
        products=formed(),
        tags=[(tag.name, tag.languages) for tag in config.tags or ()],
        spans="" if config.spans is None else ", ".join(["placeholders, tags and the like", *config.spans]),
        confidence=str(config.confidence or ""),
    )


def of_config(loaded: Loaded) -> Info:
    """Describe the model that a config would train."""
    loaded = resolved(loaded)
    config = loaded.config
    (source, target), origin = _vocab_sizes(loaded)
    model = build(config.model, source, target, config.tokenizer.shared)
    total = sum(p.numel() for p in model.parameters())
    tags = config.data.tags
    return Info(
        what=loaded.origin,
        languages=(config.data.source_lang, config.data.target_lang),
        architecture=architecture(config.model),
        vocab_sizes=(source, target),
        vocab_origin=origin,
        parts=parts(model),
        cost=cost(model, Objective.of(config.train)),
        model_bytes=4 * total,
        bleu_tokenizer=_tokenizer(config.eval.tokenize, config.data.target_lang),
        native_code=str(native.status()),
        products=formed(),
        tags=[(tag.name, tag.languages) for tag in tags] if any(tag.name for tag in tags) else [],
    )


def parts(model: Seq2Seq) -> list[Part]:
    """The parameters of a model by what they belong to, each counted where it comes first."""
    owner: dict[int, str] = {}  # tensor -> the part that counts it
    found: dict[str, list[Values]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        part, tied_to = _part(name), owner.get(id(parameter))
        owner.setdefault(id(parameter), part)
        count = 0 if tied_to else parameter.numel()
        found.setdefault(part, []).append(Values(name, tuple(parameter.shape), count, tied_to))
    return [Part(name, values) for name, values in found.items()]


def cost(model: Seq2Seq, objective: Objective = PLAIN) -> Cost:
    """What a target token of training costs: counted, on sentences of PIECES pieces and an end on both sides.

    Through the model's own forward and backward pass, hand-written ones too. Matrix products and convolutions are
    counted and nothing else, which is little beside them (though not always quick). Leaves the model in training
    mode, with gradients.
    """
    sentences = [[0] * PIECES] * SENTENCES
    batch = Batcher(source_eos=0, target_bos=0, target_eos=0, copies=objective.copies)(sentences, sentences)
    model.train()
    # The fused loss forms gradients on its way forward, unless there are none to form.
    # torch's forms, whose products a counter sees.
    with native.off(), _counter() as forward:
        batch_loss(model.requires_grad_(False), batch, objective)
    with native.off(), _counter() as both:
        torch.autograd.backward(batch_loss(model.requires_grad_(True), batch, objective)[0])
    tokens = batch.target_tokens
    return Cost(forward.get_total_flops() / tokens, (both.get_total_flops() - forward.get_total_flops()) / tokens)


def _counter() -> FlopCounterMode:
    """torch's counter, told of what it does not know: products with a vector, in place, and fused on a CPU."""
    aten = torch.ops.aten

    def product(x: Any, y: Any, **_: Any) -> int:
        return 2 * _size(x) * (y[-1] if len(y) > 1 else 1)

    def added(start: Any, x: Any, y: Any, **_: Any) -> int:
        return product(x, y)

    def attend(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_flop_count(query, key, value))

    def attend_backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_backward_flop_count(grad, query, key, value))

    extra: dict[Any, Callable[..., int]] = {
        aten.mv: product,
        aten.dot: product,
        aten.addmv: added,
        aten.addmv_: added,
        aten.addmm_: added,
        aten.baddbmm_: added,
        aten._scaled_dot_product_flash_attention_for_cpu: attend,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: attend_backward,
    }
    return FlopCounterMode(display=False, custom_mapping=extra)


def _tokenizer(tokenize: str, target_lang: str) -> str:
    try:
        chosen, warning = tokenizer_for(tokenize, target_lang)
    except DataError as error:
        return str(error)
    return f"{chosen} ({warning})" if warning else chosen


def _size(shape: Any) -> int:
    return int(torch.Size(shape).numel())


def _vocab_sizes(loaded: Loaded) -> tuple[tuple[int, int], str]:
    """Vocabulary sizes of a config, and where they are from: tokenizers as far as there are any."""
    settings = loaded.config.tokenizer
    try:
        prepared = usable(find(loaded))
        paths = prepared.tokenizer_files if prepared else [loaded.path(name) for name in settings.model]
        sizes = [Tokenizer.read(path).vocab_size for path in paths]
    except DataError:  # without the text, a model can be described all the same
        sizes = []
    if sizes:
        return (sizes[0], sizes[-1]), _of_tokenizers(len(sizes))
    origin = "tokenizer.vocab_size; the text is not prepared yet"
    if settings.kind == "char":
        origin += ', and kind = "char" will have as many as it has characters'
    elif not settings.vocab_size:
        origin = "at most: tokenizer.vocab_size is by the size of the text, which is not prepared yet"
    size = settings.vocab_size or USUAL
    return (size, size), origin


def _told(training: TrainingFacts) -> dict[str, Any]:
    return {
        "seed": training.seed,
        "update": training.updates,
        "minutes": training.minutes,
        "scores": training.scores,
        "signatures": training.signatures,
        "hashes": training.hashes,
    } | (_of_parents(training) if training.parent else {})


def _of_parents(training: TrainingFacts) -> dict[str, Any]:
    """The models that it comes from, nearest first, and what it gained and lost."""
    return {
        "parents": [one.model_dump(exclude={"training"}) for one in training.parents],
        "share": training.share,
        "measured": [one.model_dump() for one in training.measured],
    }


def _of_tokenizers(count: int) -> str:
    return "one tokenizer for both sides" if count == 1 else "source and target"


def _part(name: str) -> str:
    """The part that a parameter belongs to: "encoder.layers.0.1.input.weight" -> "encoder layer 1"."""
    *path, leaf = name.split(".")
    number = next((place for place, part in enumerate(path) if part.isdigit()), None)
    if number is None:
        return " ".join(NAMES.get(part, part) for part in path[:2] or [leaf])
    singular = path[number - 1].removesuffix("s")
    return " ".join([*path[: number - 1], singular, str(int(path[number]) + 1)])
