"""Tries of configs and of command lines: keys, tables, values, flags and what they are given."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import texts
from tests.fuzz.attempt import Place, Try
from tests.fuzz.bundles import LINES
from tests.fuzz.toy import RUN, TEXT, Toy
from tests.fuzz.values import names, values

Draw = Callable[..., Any]
CONFIG = "mtkit.toml"
# A small run of whatever is set: where it is accepted, it is trained for an update.
TRAINED = ("train", "-q", "-s", "train.max_updates=1", "-s", "train.max_minutes=0.2")


def toml(value: Any) -> str:
    """A value as TOML writes it; null, which it has not, as a bare word."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value).lower()


def keys() -> list[str]:
    """Every key of a config, of all kinds of encoders and decoders."""
    from mtkit.schema.keys import keys as every

    return sorted({one.key for one in every()})


@st.composite
def value_of(draw: Draw, key: str) -> Any:
    """Something to set a key to: near what it takes, or anything."""
    from mtkit.registry import CHOICES

    near = st.sampled_from(sorted({name for kind in CHOICES.values() for name in kind}))
    return draw(st.one_of(st.integers(0, 4), near, st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0]), st.booleans(), values))


@st.composite
def configs(draw: Draw, toy: Toy) -> Try:
    """A config of which a line, a table or the text was changed."""
    command = draw(st.sampled_from([("info", "-c", CONFIG), ("info", CONFIG, "--json"), ("preprocess",), TRAINED]))
    content = toy.files[CONFIG]
    if draw(st.integers(0, 11)) == 0:
        place = draw(st.sampled_from(Place))
        return Try(CONFIG, place, place.value, command, TEXT)
    how = draw(st.sampled_from(["line", "line", "value", "value", "add", "text"]))
    if how == "text":
        changed = draw(texts.changed(content))
        return Try(CONFIG, changed.content, changed.change, command, TEXT)
    lines = content.decode().splitlines()
    place = draw(st.integers(0, len(lines) - 1))
    key, _, _ = lines[place].partition(" = ")
    if how == "add" or key.startswith("["):
        table, _, key = draw(st.sampled_from(keys())).rpartition(".")
        lines += [f"[{table}]" if table else "", f"{key} = {toml(draw(value_of(key)))}"]
        lines = lines if draw(st.booleans()) else [line for line in lines if line != f"[{table}]"] + [f"[{table}]"]
        change = f"added [{table}] {lines[-1]:.80}"
    elif how == "value":
        lines[place] = f"{key} = {toml(draw(value_of(key)))}"
        change = f"{lines[place]:.80}"
    else:
        other = draw(st.sampled_from(["", lines[place] * 2, "[a", "[[data]]", "a = ", "= 1", "a.b.c = 1", '"' + "x" * 500]))
        change, lines[place] = f"line {place + 1} -> {other:.60}", other
    text = "\n".join([*lines, ""]).encode("utf-8", errors="surrogatepass")
    return Try(CONFIG, text, change, command, TEXT)


@st.composite
def overrides(draw: Draw, toy: Toy) -> Try:
    """Keys that are set on the command line."""
    given: list[str] = []
    for _ in range(draw(st.integers(1, 2))):
        key = draw(st.one_of(st.sampled_from(keys()), st.sampled_from(keys()), names))
        value = draw(value_of(key))
        given += ["-s", draw(st.sampled_from([f"{key}={toml(value)}"] * 4 + [f"{key}={value}", key, f"{key}="]))]
    command = draw(st.sampled_from([("info",), TRAINED, TRAINED]))
    return Try("", b"", "", _sayable((*command, *given)), TEXT)


FLAGS: dict[str, list[tuple[str, ...]]] = {
    "translate": [
        ("--beam-size",), ("--length-penalty",), ("--n-best",), ("--max-ratio",), ("--batch-tokens",), ("--precision",),
        ("--format",), ("--device",), ("--threads",), ("-m",), ("-o",), ("--prefix",), ("--temperature",), ("--top-k",),
        ("--seed",), ("--coverage-penalty",), ("--no-repeat-ngram",), ("--sample",), ("--align",), ("--scores",),
        ("-s",), ("-c",), ("--plugin",), ("",),
    ],
    "score": [("--length-penalty",), ("--batch-tokens",), ("--format",), ("-m",), ("--align",), ("--scores",), ("",)],
    "eval": [("--hyp",), ("--ref",), ("--src",), ("--metrics",), ("--tokenize",), ("--json",), ("-c",)],
    "export": [("--precision",), ("--shortlist",), ("-c",), ("",), ("",)],
    "info": [("--list",), ("--keys",), ("--json",), ("-c",), ("",)],
    "preprocess": [("-c",), ("-s",), ("-q",), ("",)],
    "train": [("-c",), ("-s",), ("--device",), ("--threads",), ("--fresh",)],
}  # fmt: skip
GIVEN = ["0", "1", "2", "3", "-1", "0.5", "1e9", "nan", "inf", "99999999999999999999", "", "int8", "bf16", "jsonl", "cpu",
         "cuda", "cuda:9", "cuda:-1", "lines.txt", "test.de", RUN, "int8", "demo", "no/such/x", "..", "/dev/null",
         "/dev/full", "-", "bleu", "bleu,,chrf", "13a", "ja-mecab", "made", "é", "[red]"]  # fmt: skip
ALL = (*TEXT, RUN, "int8", "lines.txt", "prepared")


@st.composite
def arguments(draw: Draw, toy: Toy) -> Try:
    """A command with flags, and what these are given."""
    command = draw(st.sampled_from(sorted(FLAGS)))
    said: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        said += draw(st.sampled_from(FLAGS[command]))
        if draw(st.integers(0, 3)):
            said.append(draw(st.one_of(st.sampled_from(GIVEN), st.sampled_from(GIVEN), names)))
    if command == "train":
        said += ["-s", "train.max_updates=5"]
    return Try("", b"", "", _sayable((command, *filter(None, said))), ALL, stdin=LINES)


def _sayable(command: tuple[str, ...]) -> tuple[str, ...]:
    """What a system can give to a command: no NUL, no more workers than are there, nothing from all over the machine."""
    return tuple(word.replace("\x00", "0").encode("utf-8", errors="replace").decode() for word in command)
