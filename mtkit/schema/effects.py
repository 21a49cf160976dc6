"""No key without effect: what must be true for a key to change anything, in one table.

Asked of what a user wrote, an explicit default included, and not of a config that was written with every key. A key
that only says no to what cannot be (false or 0 where the rest leaves no room for more) is true, and passes.
"""

from collections.abc import Callable, Iterator
from typing import Any

from mtkit import registry
from mtkit.schema import Config, Decode, Filter
from mtkit.schema.section import Section, chosen

Condition = Callable[[Config], str]
"""What to say of the key after "has no effect", or "" where it has one."""


def always(config: Config) -> str:
    """The key has an effect in every config."""
    return ""


def without(config: Config) -> dict[str, str]:
    """The keys that were written and change nothing: dotted key -> why, and what to do."""
    found = {key: EFFECTS.get(key, always)(config) for key in written(config)}
    return {key: why for key, why in found.items() if why}


def written(section: Section, prefix: str = "") -> Iterator[str]:
    """The dotted keys that were given and not left to their defaults."""
    for key in type(section).model_fields:
        if key in section.model_fields_set:
            value = getattr(section, key)
            if isinstance(value, Section):
                yield from written(value, f"{prefix}{key}.")
            else:
                yield prefix + key


def value(config: Config, key: str) -> Any:
    """What a config says under a dotted key."""
    found: Any = config
    for part in key.split("."):
        found = getattr(found, part)
    return found


def _begun_whole(config: Config) -> bool:
    """Whether all of a model is taken from another one."""
    return bool(config.train.init_from) and not config.train.init_parts


def _of_training_tokenizer(config: Config) -> str:
    if config.tokenizer.model:
        return "beside tokenizer.model, whose files are taken as they are: leave it out"
    return "beside train.init_from, whose tokenizer is taken: leave it out" if _begun_whole(config) else ""


def _tokenizer_kind(config: Config) -> str:
    if config.tokenizer.sample:  # then it says in which way to segment at random
        return ""
    return _of_training_tokenizer(config)


def _vocab_size(config: Config) -> str:
    if not _of_training_tokenizer(config) and config.tokenizer.kind == "char":
        return 'with tokenizer.kind = "char", which takes every character of the text: leave it out'
    return _of_training_tokenizer(config)


def _variational(config: Config) -> str:
    if not config.model.variational or config.model.dropout:
        return ""
    return "with model.dropout = 0: leave it out, or use some dropout"


def _spelled(key: str) -> Condition:
    def condition(config: Config) -> str:
        if config.tokenizer.kind != "word" or not value(config, key):
            return ""
        return 'with tokenizer.kind = "word", which knows the words of the text alone: leave it out'

    return condition


def _init(config: Config) -> str:
    return "beside train.init_from, whose weights are taken: leave it out" if _begun_whole(config) else ""


def _recurrent_init(config: Config) -> str:
    if _begun_whole(config):
        return _init(config)
    model = config.model
    if not model.recurrent:
        return "on a model without a recurrent layer: leave it out"
    cells = [name for side in (model.encoder, model.decoder) for _, kind, name in chosen(side) if kind == "cell"]
    if not cells or any(registry.choice("cell", name).multiplies_state for name in cells):
        return ""  # of a side from outside that names no cell, nothing is known
    return f"on cell {cells[0]}, which has no matrix from state to state: leave it out"


def _window(config: Config) -> str:
    name = config.model.attention_name
    if registry.choice("attention", name).window:
        return ""
    return f'on attention "{name}": leave it out, or use {_either(registry.having("attention", window=True))}'


def _betas(config: Config) -> str:
    name = config.train.optimizer
    return "" if registry.choice("optimizer", name).betas else f"on optimizer {name}, which has none: leave it out"


def _consistency_weight(config: Config) -> str:
    if config.train.consistency != "none":
        return ""
    return 'with train.consistency = "none": leave it out, or use "rdrop" or "simcut"'


def _cut(config: Config) -> str:
    if config.train.consistency == "simcut":
        return ""
    return f'with train.consistency = "{config.train.consistency}": leave it out, or use "simcut"'


def _own_spans(config: Config) -> str:
    if config.data.spans or not config.data.protect:
        return ""
    return "without data.spans: set that to true, or leave it out"


def _init_parts(config: Config) -> str:
    return "" if config.train.init_from else "without train.init_from: leave it out, or name a model to begin from"


def _temperature(config: Config) -> str:
    mixing = config.data.mixing
    return "" if mixing == "temperature" else f'with data.mixing = "{mixing}": leave it out, or use "temperature"'


def _outer(config: Config) -> str:
    return "with train.sync_every = 1: leave it out, or set train.sync_every" if config.train.sync_every == 1 else ""


def _average_of(config: Config) -> str:
    return "" if config.train.average else "with train.average = 0: leave it out, or set train.average to 2 or more"


def _coverage_penalty(config: Config) -> str:
    name = config.model.attention_name
    if not config.decode.coverage_penalty or registry.choice("attention", name).looks:
        return ""
    return f'with attention "{name}", which covers nothing: leave it out, or use an attention'


def _dedupe(config: Config) -> str:
    if config.filter.dedupe or not config.filter.near_duplicates:
        return ""
    return "beside filter.near_duplicates, which keeps one of equal pairs, too: leave it out"


def _worst(config: Config) -> str:
    return "" if config.filter.score else "without filter.score: leave it out, or name files of scores"


def _either(names: list[str]) -> str:
    return " or ".join(f'"{name}"' for name in names)


def _all(prefix: str, *keys: str) -> dict[str, Condition]:
    return {f"{prefix}{key}": always for key in keys}


EFFECTS: dict[str, Condition] = {
    **_all("", "name", "seed"),
    **_all("data.", "source_lang", "target_lang", "train", "mixing", "dev", "test", "case_augment", "spans"),
    "data.temperature": _temperature,
    "data.protect": _own_spans,
    **_all("filter.", *Filter.model_fields),
    "filter.dedupe": _dedupe,
    "filter.worst": _worst,
    "tokenizer.kind": _tokenizer_kind,
    "tokenizer.vocab_size": _vocab_size,
    "tokenizer.normalization": _of_training_tokenizer,
    "tokenizer.byte_fallback": _of_training_tokenizer,
    "tokenizer.train_lines": _of_training_tokenizer,
    **_all("tokenizer.", "shared", "model", "sample"),
    **_all("augment.", "join", "unmarked"),
    **{
        f"augment.{key}": _spelled(f"augment.{key}")
        for key in ("typos", "spaces", "upper", "title", "emoji", "urls", "placeholders")
    },
    **_all("model.", "embed_dim", "hidden_dim", "tie", "dropout", "word_dropout"),
    "model.init": _init,
    "model.variational": _variational,
    "model.recurrent_init": _recurrent_init,
    **_all("model.encoder.", "name", "layers", "cell", "bidirectional", "residual", "norm", "conv"),
    **_all("model.encoder.", "heads", "ffn_dim", "positions"),
    **_all("model.decoder.", "name", "layers", "cell", "wiring", "state", "residual", "norm"),
    **_all("model.decoder.", "heads", "ffn_dim", "positions"),
    **_all("model.attention.", "name", "heads", "coverage"),  # more heads than there can be are refused by themselves
    "model.attention.window": _window,
    **_all("train.", "batch_tokens", "accumulate", "optimizer", "lr", "weight_decay", "schedule", "warmup"),
    "train.betas": _betas,
    **_all("train.", "clip_norm", "clip_value", "label_smoothing", "consistency", "bptt_steps"),
    "train.consistency_weight": _consistency_weight,
    "train.cut": _cut,
    **_all("train.", "max_epochs", "max_updates", "max_minutes", "validate_every", "validate_lines", "patience"),
    **_all("train.", "metric", "average", "ema", "precision", "init_from", "graphs", "reduce", "sync_every"),
    "train.init_parts": _init_parts,
    "train.average_of": _average_of,
    "train.outer": _outer,
    **_all("decode.", *Decode.model_fields),
    "decode.coverage_penalty": _coverage_penalty,
    **_all("eval.", "metrics", "tokenize"),
}
"""Of every key of mtkit's own tables; what a plug-in's table says is left to it."""
