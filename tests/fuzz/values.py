"""Values that are of another type or size than a field has, and names that lead elsewhere."""

from typing import Any

from hypothesis import strategies as st

NUMBERS = [0, -1, 1, 2, 255, 256, 1 << 16, (1 << 31) - 1, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, 1 << 64, 10**30]
FLOATS = [0.0, -0.0, -1.0, 0.5, 1e-320, 1e308, float("nan"), float("inf"), float("-inf")]
NAMES = [
    "",
    ".",
    "..",
    "../outside/x",
    "../../outside/x",
    "../../../../../../proc/version",
    "/proc/version",
    "/dev/zero",
    "/dev/stdin",
    "~",
    "a/b",
    "a\x00b",
    "a\nb",
    "\x1b[31mred",
    "[bold]x[/bold]",
    "model.safetensors",
    "tokenizer.model",
    "config.json",
    "con\u202efig",
    "x" * 300,
    "𝔘" * 40,
    "{}",
    "%s%n",
    "$HOME",
    "`id`",
]

integers = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS).map(lambda n: -n), st.integers())
floats = st.one_of(st.sampled_from(FLOATS), st.floats())
names = st.one_of(st.sampled_from(NAMES), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
scalars = st.one_of(st.none(), st.booleans(), integers, floats, names)
values: st.SearchStrategy[Any] = st.one_of(
    scalars,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    ),
)
"""What JSON and TOML can say (None: JSON alone)."""
