"""An encoder from outside is one file and one line: its table in the config is made of what its constructor takes."""

import sys
import types
from pathlib import Path

import pytest
import torch

from mtkit import registry
from mtkit.config import load, parse
from mtkit.errors import ConfigError
from mtkit.model.build import build
from mtkit.registry import CHOICES, Choice
from mtkit.report.description import architecture
from mtkit.schema import Model
from mtkit.schema.keys import keys
from mtkit.train.loss import batch_loss
from tests.contract.family import batch_of
from tests.test_schema import merged

ENCODER = '''"""A convolutional encoder: each layer looks at the neighbours of a position, one channel at a time."""

from typing import Annotated

from annotated_types import Ge
from torch import Tensor, nn

from mtkit.model.encoder import Encoder, Memory
from mtkit.model.transformer.positions import Positions
from mtkit.ops.packing import Packing
from mtkit.registry import Named


class Depthwise(Encoder):
    """Embeddings, positions, and layers of depthwise convolution (after Wu et al. 2019).

    Args:
        layers: convolutions, one above the other.
        kernel: positions that each of them sees; odd.
        positions: how it knows the order.
    """

    def __init__(
        self,
        *,
        embed_dim: int,
        hidden_dim: int,
        positions: Annotated[type[Positions], Named("positions", "sinusoidal")],
        layers: Annotated[int, Ge(1)] = 2,
        kernel: Annotated[int, Ge(1)] = 3,
    ) -> None:
        super().__init__()
        self.input = nn.Linear(embed_dim, hidden_dim)
        self.positions = positions(hidden_dim=hidden_dim, heads=1)
        self.layers = nn.ModuleList(
            nn.Conv1d(hidden_dim, hidden_dim, kernel, padding=kernel // 2, groups=hidden_dim) for _ in range(layers)
        )

    def forward(self, x_NE: Tensor, packing: Packing, plain: bool = False) -> Memory:
        x_NH, _ = self.positions(self.input(x_NE), packing.time_N)
        for layer in self.layers:
            y_BHS = layer(packing.unpack(x_NH).transpose(1, 2))  # zeros on padding, as beyond the ends
            x_NH = x_NH + packing.pack(y_BHS.transpose(1, 2)).relu()
        return Memory(packing.unpack(x_NH), packing.last(x_NH), packing)
'''
LINE = Choice("depthwise:Depthwise", "convolutions, a channel at a time", "Wu et al. 2019")
TABLE = {"embed_dim": 6, "hidden_dim": 8, "dropout": 0.0, "encoder": {"name": "depthwise", "kernel": 5}}


@pytest.fixture
def depthwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder, registered as long as a test lasts."""
    module = types.ModuleType("depthwise")
    monkeypatch.setitem(sys.modules, "depthwise", module)
    monkeypatch.setitem(CHOICES, "encoder", dict(CHOICES["encoder"]))
    exec(compile(ENCODER, "depthwise.py", "exec"), vars(module))
    registry.register("encoder", "depthwise", LINE)


def test_its_keys(depthwise: None) -> None:
    found = {key.key: key for key in keys("model.encoder") if key.of == "depthwise" and "[]" not in key.key}
    assert [key.rpartition(".")[2] for key in found] == ["positions", "layers", "kernel", "conv"]
    kernel, positions = found["model.encoder.kernel"], found["model.encoder.positions"]
    assert (kernel.type, kernel.default) == ("int >= 1", 3)
    assert kernel.what == "Positions that each of them sees; odd."
    assert (positions.type, positions.default) == ("sinusoidal|learned|rotary", "sinusoidal")


def test_it_is_read_written_and_described(depthwise: None, tmp_path: Path) -> None:
    made = parse(merged(model=TABLE), "x").model
    assert made.model_dump()["encoder"] == {
        "name": "depthwise",
        "layers": 2,
        "kernel": 5,
        "positions": "sinusoidal",
        "conv": [],
    }
    assert Model.model_validate(made.model_dump()) == made
    assert architecture(made)["encoder"] == "depthwise, positions sinusoidal, layers 2, kernel 5"
    path = tmp_path / "mine.toml"
    path.write_text(
        'data = {source_lang = "en", target_lang = "de", train = "t"}\n'
        '[model.encoder]\nname = "depthwise"\nkernel = 7\n'
    )
    assert load(str(path)).config.model.encoder.model_dump()["kernel"] == 7
    assert load(str(path), ["model.encoder.name=recurrent"]).config.model.encoder.name == "recurrent"


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (
            {"kernle": 3},
            "unknown key model.encoder.kernle, did you mean 'kernel'? (keys here: name, positions, ",
        ),
        ({"kernel": 0}, "model.encoder.kernel = 0: input should be greater than or equal to 1"),
        ({"positions": "sinus"}, "model.encoder.positions: unknown positions 'sinus', did you mean 'sinusoidal'?"),
        ({"cell": "gru"}, "model.encoder.cell is a key of the recurrent encoder, and this one is depthwise: leave it"),
        ({"name": "depthwis"}, "did you mean 'depthwise'?"),
    ],
)
def test_its_errors_are_those_of_every_key(depthwise: None, encoder: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(merged(model={"encoder": {"name": "depthwise"} | encoder}), "x")
    assert message in str(caught.value)


@pytest.mark.parametrize("decoder", ["recurrent", "transformer"])
def test_it_learns_and_padding_changes_nothing(depthwise: None, decoder: str) -> None:
    torch.manual_seed(1)
    conv = [{"kernel": 3, "stride": 2, "channels": 5}]
    for more in ({}, {"conv": conv, "positions": "learned"}):
        settings = Model.model_validate(TABLE | {"encoder": TABLE["encoder"] | more, "decoder": {"name": decoder}})  # type: ignore[operator]
        model = build(settings, 17, 17, shared=True).double()
        assert type(model.encoder).__name__ == "Depthwise"
        assert model.encoder.layers[0].kernel_size == (5,)  # type: ignore[union-attr, index]
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        losses = []
        for _ in range(10):
            loss, count = batch_loss(model, batch_of([0, 1, 2, 3]))
            optimizer.zero_grad()
            torch.autograd.backward(loss / count)
            assert all(p.grad is not None for p in model.parameters())
            optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < losses[0] * 0.9
        with torch.no_grad():
            padded, plain = (batch_loss(model, batch_of([0, 1, 2, 3], padding=some))[0] for some in (3, 0))
        assert abs(float(padded) - float(plain)) < 1e-9


def test_a_constructor_that_no_config_can_feed_is_named(depthwise: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        def __init__(self, *, hidden_dim: int, layer: torch.nn.Module) -> None: ...

    monkeypatch.setattr(sys.modules["depthwise"], "Odd", Odd, raising=False)
    registry.register("encoder", "odd", Choice("depthwise:Odd", "odd"), "me 1.0")
    with pytest.raises(ConfigError, match="encoder 'odd' of me 1.0: depthwise:Odd takes what a config cannot say"):
        parse(merged(model={"encoder": {"name": "odd"}}), "x")


def test_a_wiring_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHOICES["wiring"], "odd", Choice("mtkit.model.norm:LayerNorm", "a norm"))
    with pytest.raises(ConfigError, match=r"decoder.wiring = 'odd' is no RecurrentDecoder; expected a subclass of it"):
        build(Model.model_validate({"decoder": {"wiring": "odd"}}), 9, 9, shared=True)


def test_an_attention_takes_several_heads_by_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    line = CHOICES["attention"]["scaled_dot"]
    table = {"embed_dim": 6, "hidden_dim": 8, "attention": {"name": "mine", "heads": 2}}
    monkeypatch.setitem(CHOICES["attention"], "mine", line)
    made = build(Model.model_validate(table), 9, 9, shared=True)
    assert made.decoder.attention.heads == 2  # type: ignore[union-attr]
    monkeypatch.setitem(CHOICES["attention"], "mine", line._replace(heads=False))
    with pytest.raises(ValueError, match='attention "mine" has one'):
        Model.model_validate(table)


def test_no_choice_is_known_by_name_where_facts_are_asked() -> None:
    """In the schema names stand as defaults and nowhere else; in reports, jobs and `build` nowhere."""
    package = Path(registry.__file__).parent
    names = {name for kind in ("encoder", "decoder", "cell", "wiring", "attention") for name in CHOICES[kind]}
    names -= {"none", "plain"}  # words of other meanings, too
    for path in [*package.glob("schema/*.py"), *package.glob("report/*.py"), package / "model/build.py"]:
        for line in path.read_text().splitlines():
            if found := [name for name in names if f'"{name}"' in line]:
                assert "] = " in line or line.startswith("ATTENTION = "), (path.name, line, found)
    for path in package.glob("jobs/*.py"):
        assert not [name for name in names if f'"{name}"' in path.read_text()], path.name


OWN = '''"""A table of an encoder's own, and decoders without one."""

from mtkit.model.transformer.decoder import TransformerDecoder
from mtkit.model.transformer.positions import Sinusoidal
from mtkit.schema import Model
from mtkit.schema.section import Positive
from mtkit.schema.sides import Side


class Table(Side):
    width: Positive = 3
    """How wide."""

    def fit(self, where, model):
        if model.hidden_dim % self.width:
            raise ValueError(f"{where}.width = {self.width} does not divide hidden_dim: use one that does")

    def describe(self, model):
        return [f"wide {self.width}"]


class Small(TransformerDecoder):
    def __init__(self, *, embed_dim: int, hidden_dim: int, attention_heads: int, heads: int = 2) -> None:
        super().__init__(
            layers=1,
            heads=heads,
            ffn_dim=0,
            positions=Sinusoidal,
            attention_heads=attention_heads,
            embed_dim=embed_dim,
            hidden_dim=hidden_dim,
            dropout=0.0,
            variational=False,
        )
'''


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder that names its table, and a decoder with an attention of its own that names none."""
    module = types.ModuleType("own")
    monkeypatch.setitem(sys.modules, "own", module)
    for kind in ("encoder", "decoder"):
        monkeypatch.setitem(CHOICES, kind, dict(CHOICES[kind]))
    exec(compile(OWN, "own.py", "exec"), vars(module))
    registry.register("encoder", "wide", Choice("own:Nothing", "wide", settings="own:Table"))
    registry.register("decoder", "small", Choice("own:Small", "small", own_attention="multihead"))


def test_a_table_of_its_own(own: None) -> None:
    made = parse(merged(model={"hidden_dim": 9, "encoder": {"name": "wide"}, "attention": {"heads": 1}}), "x").model
    assert architecture(made)["encoder"] == "wide 3"
    refused: list[tuple[dict[str, object], str]] = [
        ({"encoder": {"name": "wide", "width": 5}}, "model: encoder.width = 5 does not divide hidden_dim"),
        ({"encoder": {"name": "wide", "widht": 5}}, "unknown key model.encoder.widht, did you mean 'width'?"),
        ({"encoder": {"width": 4}}, "model.encoder.width is a key of the wide encoder, and this one is recurrent"),
    ]
    for table, message in refused:
        with pytest.raises(ConfigError) as caught:
            parse(merged(model=table), "x")
        assert message in str(caught.value)


def test_a_decoder_without_a_table(own: None) -> None:
    settings = Model.model_validate(
        {"embed_dim": 6, "hidden_dim": 8, "decoder": {"name": "small"}, "attention": {"heads": 2}}
    )
    assert settings.attention_name == "multihead"
    model = build(settings, 17, 17, shared=True)
    assert type(model.decoder).__name__ == "Small"
    loss, _ = batch_loss(model, batch_of([0, 1, 2, 3]))
    torch.autograd.backward(loss)
    assert all(p.grad is not None for p in model.parameters())
    with pytest.raises(ConfigError, match='a Small decoder has "multihead": use that'):
        parse(merged(model={"decoder": {"name": "small"}, "attention": {"name": "dot"}}), "x")
