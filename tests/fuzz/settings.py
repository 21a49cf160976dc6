"""Tries of configs and of command lines: keys, tables, values, flags and what they are given."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import texts
from tests.fuzz.attempt import OWN, Try
from tests.fuzz.bundles import LINES
from tests.fuzz.toy import CORPUS, RUN, TEXT, Toy
from tests.fuzz.values import names, values

Draw = st.DrawFn
CONFIG = "mtkit.toml"
# A small run of whatever is set: where it is accepted, it is trained for an update.
TRAINED = ("train", "-q", "-s", "train.max_updates=1", "-s", "train.max_minutes=0.05")


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
def value_of(draw: Draw, small: bool) -> Any:
    """Something to set a key to: near what some key takes, or anything."""
    from mtkit.registry import CHOICES

    near = st.sampled_from(sorted({name for kind in CHOICES.values() for name in kind}))
    some = st.one_of(
        st.integers(0, 4), near, st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, "", "a", [], {}]), st.booleans()
    )
    return draw(some if small else st.one_of(some, values))


COMMANDS = [(*one, "-c", CONFIG) for one in (("info",), ("info", "--json"), ("preprocess",), TRAINED)]


@st.composite
def configs(draw: Draw, toy: Toy) -> Try:
    """A config of which a line, a table or the text was changed."""
    command = draw(st.sampled_from(COMMANDS))
    small, content = command[0] == "train", toy.files[CONFIG]
    if draw(st.integers(0, 11)) == 0:
        place = draw(st.sampled_from(OWN))
        return Try(CONFIG, place, place.value, command, TEXT)
    how = draw(st.sampled_from(["line", "line", "value", "value", "add", "text"]))
    if how == "text":
        changed = draw(texts.changed(content))
        return Try(CONFIG, changed.content, changed.change, command, TEXT)
    lines = content.decode().splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    key, _, _ = lines[at].partition(" = ")
    if how == "add" or key.startswith("["):
        table, _, key = draw(st.sampled_from(keys())).rpartition(".")
        added = f"{key} = {toml(draw(value_of(small)))}"
        if f"[{table}]" in lines and draw(st.booleans()):
            lines.insert(lines.index(f"[{table}]") + 1, added)
        else:
            lines = [added, *lines] if not table else [*lines, f"[{table}]", added]
        change = f"added in [{table}]: {added:.80}"
    elif how == "value":
        lines[at] = f"{key} = {toml(draw(value_of(small)))}"
        change = f"{lines[at]:.80}"
    else:
        other = draw(
            st.sampled_from(["", lines[at] * 2, "[a", "[[data]]", "a = ", "= 1", "a.b.c = 1", '"' + "x" * 500])
        )
        change, lines[at] = f"line {at + 1} -> {other:.60}", other
    text = "\n".join([*lines, ""]).encode("utf-8", errors="surrogatepass")
    return Try(CONFIG, text, change, command, TEXT)


@st.composite
def overrides(draw: Draw, toy: Toy) -> Try:
    """Keys that are set on the command line."""
    given: list[str] = []
    command = draw(st.sampled_from([("info",), TRAINED, TRAINED]))
    for _ in range(draw(st.integers(1, 2))):
        key = draw(st.one_of(st.sampled_from(keys()), st.sampled_from(keys()), names))
        value = draw(value_of(small=command[0] == "train"))
        given += ["-s", draw(st.sampled_from([f"{key}={toml(value)}"] * 4 + [f"{key}={value}", key, f"{key}="]))]
    return Try("", b"", "", _sayable((*command, *given)), TEXT)


FLAGS = {
    "translate": "--beam-size --length-penalty --n-best --max-ratio --batch-tokens --precision --format --device "
    "--threads -m -o --prefix --temperature --top-k --seed --coverage-penalty --no-repeat-ngram --sample --align "
    "--scores -s -c -v",
    "score": "--length-penalty --batch-tokens --format -m --align --scores -o",
    "eval": "--hyp --ref --src --metrics --tokenize --json -c",
    "export": "--precision --to --shortlist -c",
    "info": "--list --keys --json -c",
    "preprocess": "-s -q -v",
    "train": "-s --device --threads --fresh -v",
}
GIVEN = (
    "0 1 2 3 -1 0.5 1e9 nan inf 99999999999999999999 bf16 jsonl cpu cuda cuda:9 cuda:-1 lines.txt test.de int8 demo "
    "no/such/x . /dev/null /dev/full - bleu bleu,,chrf 13a ja-mecab made é [red] runs/toy ctranslate2"
)
ALL = (*TEXT, RUN, "int8", "lines.txt", CORPUS)


@st.composite
def arguments(draw: Draw, toy: Toy) -> Try:
    """A command with flags, and what these are given."""
    command = draw(st.sampled_from(sorted(FLAGS)))
    given = st.one_of(st.sampled_from(GIVEN.split()), names.filter(_is_here))
    said: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        said += draw(st.sampled_from([[flag] for flag in FLAGS[command].split()] + [[]]))
        if draw(st.integers(0, 3)):
            said.append(draw(given))
    if command == "train":
        said += ["-s", "train.max_updates=5"]
    return Try("", b"", "", _sayable((command, *said)), ALL, stdin=LINES)


def _is_here(name: str) -> bool:
    """Whether a file of that name, written because it was asked for, lies in the folder of the try."""
    return not name.startswith(("/", "~")) and ".." not in name


def _sayable(command: tuple[str, ...]) -> tuple[str, ...]:
    """What a system can hand to a command: nothing with NUL."""
    return tuple(word.replace("\x00", "0").encode("utf-8", errors="replace").decode() for word in command)
