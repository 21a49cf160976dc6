"""What the header of a file of tensors says is looked at before the library is asked."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from mtkit.model import tensor_files
from mtkit.model.tensor_files import Spec
from mtkit.reading import Unreadable


def changed(path: Path, **entries: Any) -> Path:
    """A file of one tensor, with other entries in its header."""
    save_file({"w": torch.arange(6.0).view(2, 3)}, path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]) | entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    return path


@pytest.mark.parametrize("about", [{}, {"format": "pt"}])
def test_a_file_as_the_library_writes_it(tmp_path: Path, about: dict[str, str]) -> None:
    path = changed(tmp_path / "x", __metadata__=about)
    assert tensor_files.header(path) == {"w": Spec("F32", (2, 3))}
    assert torch.equal(tensor_files.load(path)["w"], torch.arange(6.0).view(2, 3))


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"__metadata__": -2}, "__metadata__: found -2, expected a table of texts"),
        ({"__metadata__": {"a": 1}}, "__metadata__: found a table of 1, expected"),
        ({"w": None}, 'tensor "w": found null, expected dtype, shape and data_offsets'),
        ({"w": {"dtype": "F8_E4M3", "shape": [6], "data_offsets": [0, 6]}}, 'found type "F8_E4M3", expected one of'),
        ({"w": {"dtype": "F32", "shape": [1 << 50], "data_offsets": [0, 24]}}, "its shape is none"),
        (
            {"w": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 24]}},
            "F32 2x4 at bytes 0 to 24, expected 0 to 32",
        ),
        ({"v": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, "at bytes 0 to 24, expected 8 to 32"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, entries: dict[str, Any], says: str) -> None:
    with pytest.raises(Unreadable, match=says) as caught:
        tensor_files.header(changed(tmp_path / "x", **entries))
    assert "\n" not in str(caught.value)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    save_file({"w": torch.tensor([1.0, float("nan")])}, tmp_path / "x")
    with pytest.raises(Unreadable, match='tensor "w": it holds NaN or infinity'):
        tensor_files.load(tmp_path / "x")
