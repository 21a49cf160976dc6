"""The benchmark of translating on a device, on a CPU."""

from pathlib import Path

import pytest

from benchmarks import translate_gpu
from mtkit.translator.translator import Translator
from tests.translator.small import LINES, written


def test_rates_and_translations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, text = written(tmp_path / "model"), tmp_path / "lines"
    text.write_text("".join(f"{line}\n" for line in LINES))
    arguments = ["--model", model, "--input", text, "--output", tmp_path / "out", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["translate_gpu", *map(str, arguments)])
    translate_gpu.main()
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in told if line] == [
        f"{precision}, beam of {beam}" for precision in ("fp32", "bf16") for beam in (1, 5)
    ]
    assert all(float(line.split(": ")[1].split()[0].replace(",", "")) > 0 for line in told if line)
    translator = Translator.load(model, device="cpu")
    for beam in (1, 5):
        wanted = [one.text for one in translator.translate(LINES, beam_size=beam)]
        assert (tmp_path / "out" / f"fp32.{beam}").read_text().splitlines() == wanted
