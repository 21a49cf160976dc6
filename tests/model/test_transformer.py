"""Transformers, held against torch.nn's."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mtkit.model.encoder import Memory
from mtkit.model.transformer.blocks import FeedForward, MultiHead, drop_of
from mtkit.model.transformer.decoder import Block as DecoderBlock
from mtkit.model.transformer.decoder import TransformerDecoder
from mtkit.model.transformer.encoder import Block as EncoderBlock
from mtkit.model.transformer.encoder import TransformerEncoder
from mtkit.model.transformer.positions import Learned, Positions, Rotary, Sinusoidal
from mtkit.ops import products
from mtkit.ops.packing import Packing
from tests.model.test_positions import waves

E, H, HEADS, FFN = 6, 8, 2, 12
SOURCE, TARGET = [3, 1, 6, 2], [5, 4, 2, 1]
POSITIONS = [Sinusoidal, Learned, Rotary]


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    yield
    torch.set_default_dtype(torch.float32)


def randomise(module: nn.Module) -> None:
    for parameter in module.parameters():  # biases and gains too must matter
        nn.init.normal_(parameter, std=0.4)


def make_encoder(
    positions: type[Positions] = Sinusoidal, embed_dim: int = E, dropout: float = 0.0, variational: bool = False
) -> TransformerEncoder:
    made = TransformerEncoder(
        layers=2,
        heads=HEADS,
        ffn_dim=FFN,
        positions=positions,
        embed_dim=embed_dim,
        hidden_dim=H,
        dropout=dropout,
        variational=variational,
    )
    randomise(made)
    return made


def make_decoder(
    positions: type[Positions] = Sinusoidal, embed_dim: int = E, dropout: float = 0.0, variational: bool = False
) -> TransformerDecoder:
    made = TransformerDecoder(
        layers=2,
        heads=HEADS,
        ffn_dim=FFN,
        positions=positions,
        attention_heads=4,
        embed_dim=embed_dim,
        hidden_dim=H,
        dropout=dropout,
        variational=variational,
    )
    randomise(made)
    return made


def packing_of(lengths: list[int], padding: int = 0) -> Packing:
    return Packing(np.array(lengths), max(lengths) + padding)


def make_memory(lengths: list[int], padding: int = 0) -> Memory:
    packing = packing_of(lengths, padding)
    states_NH = torch.randn(packing.positions, H)
    return Memory(packing.unpack(states_NH), packing.last(states_NH), packing)


# Encoder


def copy_attention(ours: MultiHead, theirs: nn.MultiheadAttention) -> None:
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, torch.zeros(H), ours.value.bias]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())


def copy_feed_forward(ours: FeedForward, theirs: nn.TransformerEncoderLayer | nn.TransformerDecoderLayer) -> None:
    theirs.linear1.load_state_dict(ours.inner.state_dict())
    theirs.linear2.load_state_dict(ours.outer.state_dict())


def reference_encoder_layer(block: nn.Module) -> nn.TransformerEncoderLayer:
    assert isinstance(block, EncoderBlock)
    made = nn.TransformerEncoderLayer(H, HEADS, FFN, dropout=0.0, batch_first=True, norm_first=True)
    copy_attention(block.attention, made.self_attn)
    copy_feed_forward(block.ffn, made)
    made.norm1.load_state_dict(block.attention_norm.state_dict())
    made.norm2.load_state_dict(block.ffn_norm.state_dict())
    return made


def reference_decoder_layer(block: nn.Module) -> nn.TransformerDecoderLayer:
    assert isinstance(block, DecoderBlock)
    made = nn.TransformerDecoderLayer(H, HEADS, FFN, dropout=0.0, batch_first=True, norm_first=True)
    made.multihead_attn = nn.MultiheadAttention(H, 4, batch_first=True)
    copy_attention(block.self_attention, made.self_attn)
    copy_attention(block.attention, made.multihead_attn)
    copy_feed_forward(block.ffn, made)
    made.norm1.load_state_dict(block.self_norm.state_dict())
    made.norm2.load_state_dict(block.attention_norm.state_dict())
    made.norm3.load_state_dict(block.ffn_norm.state_dict())
    return made


def reference_input(module: TransformerEncoder | TransformerDecoder, x_BLE: Tensor) -> Tensor:
    """Unit variance, then the width of the blocks, then sinusoids."""
    x_BLH = x_BLE * math.sqrt(x_BLE.shape[2])
    if module.input.project is not None:
        x_BLH = nn.functional.linear(x_BLH, module.input.project.weight, module.input.project.bias)
    return x_BLH + waves(x_BLE.shape[1], H)


@pytest.mark.parametrize("embed_dim", [E, H])
def test_encoder_is_that_of_torch(embed_dim: int) -> None:
    encoder = make_encoder(embed_dim=embed_dim)
    packing = packing_of(SOURCE)
    x_NE = torch.randn(packing.positions, embed_dim)
    memory = encoder(x_NE, packing)
    y_BSH = reference_input(encoder, packing.unpack(x_NE))
    for block in encoder.blocks:
        y_BSH = reference_encoder_layer(block)(y_BSH, src_key_padding_mask=~packing.mask_BL)
    y_BSH = nn.functional.layer_norm(y_BSH, (H,), encoder.norm.weight, encoder.norm.bias)
    expected_BSH = y_BSH * packing.mask_BL.unsqueeze(2)
    torch.testing.assert_close(memory.states_BSH, expected_BSH, atol=1e-12, rtol=0)
    assert (memory.states_BSH[~packing.mask_BL] == 0).all()
    for b, length in enumerate(SOURCE):
        torch.testing.assert_close(memory.last_BH[b], expected_BSH[b, length - 1], atol=1e-12, rtol=0)
    assert memory.packing is packing


def packed(sentences: list[Tensor], packing: Packing) -> Tensor:
    """Packed rows of sentences LE, by way of a padded table in which padding is no number."""
    pad = nn.functional.pad
    return packing.pack(torch.stack([pad(x, (0, 0, 0, packing.columns - len(x)), value=math.nan) for x in sentences]))


def passed(
    encoder: TransformerEncoder, decoder: TransformerDecoder, batches: list[list[int]], padding: int = 0
) -> dict[str, Tensor]:
    """Features of each sentence and gradients of everything, the sentences in the given batches."""
    generator = torch.Generator().manual_seed(5)
    sources, targets = (
        [torch.randn(length, E, generator=generator).requires_grad_() for length in lengths]
        for lengths in (SOURCE, TARGET)
    )
    encoder.zero_grad()
    decoder.zero_grad()
    found: dict[str, Tensor] = {}
    for rows in batches:
        source, target = (packing_of([lengths[i] for i in rows], padding) for lengths in (SOURCE, TARGET))
        memory = encoder(packed([sources[i] for i in rows], source), source)
        y_NH = decoder(packed([targets[i] for i in rows], target), target, decoder.start(memory))
        (y_NH.sin().sum() + memory.last_BH.cos().sum()).backward()
        for b, i in enumerate(rows):
            found[f"features {i}"] = y_NH[target.sentence_N == b].detach()
    for part, module in (("encoder", encoder), ("decoder", decoder)):
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None
            found[f"{part}.{name}"] = parameter.grad.clone()
    for i, sentence in enumerate(sources + targets):
        assert sentence.grad is not None
        found[f"input {i}"] = sentence.grad
    return found


@pytest.mark.parametrize("positions", POSITIONS)
def test_padding_batch_size_and_order_change_nothing(positions: type[Positions]) -> None:
    encoder, decoder = make_encoder(positions), make_decoder(positions)
    together = passed(encoder, decoder, [[0, 1, 2, 3]])
    assert all(gradient.abs().max() > 1e-6 for gradient in together.values())
    for other in (
        passed(encoder, decoder, [[0, 1, 2, 3]], padding=3),
        passed(encoder, decoder, [[3, 1, 0, 2]]),
        passed(encoder, decoder, [[0], [1], [2], [3]]),
    ):
        assert together.keys() == other.keys()
        for name, wanted in together.items():
            torch.testing.assert_close(other[name], wanted, atol=1e-9, rtol=0, msg=lambda text: f"{name}: {text}")  # noqa: B023


# Decoder


@pytest.mark.parametrize("embed_dim", [E, H])
def test_decoder_is_that_of_torch(embed_dim: int) -> None:
    decoder, memory = make_decoder(embed_dim=embed_dim), make_memory(SOURCE)
    packing = packing_of(TARGET)
    x_NE = torch.randn(packing.positions, embed_dim)
    state = decoder.start(memory)
    y_NH = decoder(x_NE, packing, state)
    x_BTE = packing.unpack(x_NE)
    y_BTH = reference_input(decoder, x_BTE)
    future_TT = torch.ones(5, 5, dtype=torch.bool).triu(1)
    padding_BS = ~memory.packing.mask_BL
    for block in decoder.blocks:
        layer, before_BTH = reference_decoder_layer(block), y_BTH
        y_BTH = layer(before_BTH, memory.states_BSH, tgt_mask=future_TT, memory_key_padding_mask=padding_BS)
    # Once more the last layer's own attention, which torch's layer keeps to itself.
    own_BTH, _ = layer.self_attn(*[layer.norm1(before_BTH)] * 3, attn_mask=future_TT)
    asked_BTH = layer.norm2(before_BTH + own_BTH)
    _, expected_BTS = layer.multihead_attn(asked_BTH, *[memory.states_BSH] * 2, key_padding_mask=padding_BS)
    y_BTH = nn.functional.layer_norm(y_BTH, (H,), decoder.norm.weight, decoder.norm.bias)
    torch.testing.assert_close(y_NH, packing.pack(y_BTH), atol=1e-12, rtol=0)
    for t in range(5):
        y_BKH, state, weights_BKS = decoder.step(x_BTE[:, t : t + 1], state)
        real_B = packing.mask_BL[:, t]
        torch.testing.assert_close(y_BKH[real_B, 0], y_BTH[real_B, t], atol=1e-12, rtol=0)
        torch.testing.assert_close(weights_BKS[real_B, 0], expected_BTS[real_B, t], atol=1e-12, rtol=0)
        assert (weights_BKS.masked_select(padding_BS.unsqueeze(1)) == 0).all()


@pytest.mark.parametrize("positions", POSITIONS)
def test_forward_equals_stacked_steps(positions: type[Positions]) -> None:
    decoder = make_decoder(positions)
    state = decoder.start(make_memory(SOURCE))
    packing = packing_of(TARGET, padding=1)
    x_NE = torch.randn(packing.positions, E)
    stacked_NH = decoder.forward_plain(x_NE, packing, state)
    torch.testing.assert_close(decoder(x_NE, packing, state), stacked_NH, atol=1e-12, rtol=0)


@pytest.mark.parametrize("positions", POSITIONS)
def test_a_later_word_changes_no_earlier_output(positions: type[Positions]) -> None:
    decoder = make_decoder(positions)
    state = decoder.start(make_memory([4]))
    packing = packing_of([6])
    x_TE = torch.randn(6, E)
    other_TE = x_TE.clone()
    other_TE[3] += 1
    change_TH = (decoder(other_TE, packing, state) - decoder(x_TE, packing, state)).abs()
    assert (change_TH[:3] == 0).all()
    assert (change_TH[3:].amax(1) > 1e-3).all()


@pytest.mark.parametrize("positions", POSITIONS)
def test_state_is_reordered_and_kept(positions: type[Positions]) -> None:
    """Hypotheses of a sentence go on alone as they do among others, whatever moved between the steps."""
    decoder, memory = make_decoder(positions), make_memory(SOURCE)
    words_TBKE = torch.randn(3, 4, 3, E)
    parents_BK = torch.tensor([[2, 0, 0], [1, 1, 2], [0, 1, 2], [2, 1, 0]])
    kept = torch.tensor([1, 3])
    state = decoder.start(memory)
    _, state, _ = decoder.step(words_TBKE[0, :, :1], state)
    _, state, _ = decoder.step(words_TBKE[1], state.reorder(torch.zeros(4, 3, dtype=torch.long)))
    y_BKH, _, weights_BKS = decoder.step(words_TBKE[2, kept], state.reorder(parents_BK).keep(kept))
    for row, b in enumerate((1, 3)):
        states_1SH = memory.states_BSH[b : b + 1, : SOURCE[b]]
        for k in range(3):
            alone = decoder.start(Memory(states_1SH, states_1SH[:, -1], packing_of([SOURCE[b]])))
            for word_E in (words_TBKE[0, b, 0], words_TBKE[1, b, parents_BK[b, k]], words_TBKE[2, b, k]):
                expected_11H, alone, weights_11S = decoder.step(word_E.view(1, 1, E), alone)
            torch.testing.assert_close(y_BKH[row, k], expected_11H[0, 0], atol=1e-12, rtol=0)
            torch.testing.assert_close(weights_BKS[row, k, : SOURCE[b]], weights_11S[0, 0], atol=1e-12, rtol=0)


@pytest.mark.parametrize("positions", POSITIONS)
def test_a_cache_with_room_is_the_one_that_grows(positions: type[Positions]) -> None:
    decoder = make_decoder(positions)
    _, growing, _ = decoder.step(torch.randn(4, 1, E), decoder.start(make_memory(SOURCE)))
    parents_BK = torch.tensor([[0, 0, 0]] * 4)
    kept = torch.arange(4)
    roomy = growing = growing.reorder(parents_BK)
    for step in range(7):
        if step in (0, 2, 5):
            roomy = roomy.with_room(2 if step == 0 else 3)
        x_BKE = torch.randn(4, 3, E)[kept]
        expected_BKH, growing, expected_BKS = decoder.step(x_BKE, growing)
        y_BKH, roomy, weights_BKS = decoder.step(x_BKE, roomy)
        torch.testing.assert_close(y_BKH, expected_BKH, atol=1e-12, rtol=0)
        torch.testing.assert_close(weights_BKS, expected_BKS, atol=1e-12, rtol=0)
        assert [cache.shape[2] for cache in roomy.cache] == [(3, 3, 6, 6, 6, 9, 9)[step]] * 2
        parents_BK = torch.randint(3, (len(kept), 3))
        growing, roomy = growing.reorder(parents_BK), roomy.reorder(parents_BK)
        if step == 3:
            kept = torch.tensor([1, 3])
            growing, roomy = growing.keep(kept), roomy.keep(kept)


def test_a_step_leaves_the_state_that_it_was_given() -> None:
    """Two words tried from one state do not see each other."""
    decoder = make_decoder()
    x_BKE, other_BKE = torch.randn(2, 4, 1, E)
    _, state, _ = decoder.step(torch.randn(4, 1, E), decoder.start(make_memory(SOURCE)))
    once, _, _ = decoder.step(x_BKE, state)
    decoder.step(other_BKE, state)
    again, _, _ = decoder.step(x_BKE, state)
    assert torch.equal(once, again)


# Training


def test_dropout_is_drawn_for_each_position_or_each_sequence() -> None:
    packing = packing_of([40, 30, 10])
    ones_NX = torch.ones(80, 50)
    each_NX = drop_of(packing, 0.25, variational=False)(ones_NX)
    once_NX = drop_of(packing, 0.25, variational=True)(ones_NX)
    for dropped_NX, draws in ((each_NX, 80 * 50), (once_NX, 3 * 50)):
        assert sorted(set(dropped_NX.flatten().tolist())) == [0.0, pytest.approx(4 / 3)]
        assert abs(float((dropped_NX == 0).double().mean()) - 0.25) < 4 * (0.25 * 0.75 / draws) ** 0.5
    for b in range(3):
        rows_LX = once_NX[packing.sentence_N == b]
        assert torch.equal(rows_LX, rows_LX[:1].expand_as(rows_LX))
        assert not torch.equal(each_NX[packing.sentence_N == b][0], each_NX[packing.sentence_N == b][1])
    assert not torch.equal(once_NX[packing.sentence_N == 0][0], once_NX[packing.sentence_N == 1][0])
    assert torch.equal(drop_of(packing, 0.0, variational=True)(ones_NX), ones_NX)


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_is_for_training_only(variational: bool) -> None:
    packing = packing_of(SOURCE)
    x_NE = torch.randn(packing.positions, E)
    encoder = make_encoder(dropout=0.4, variational=variational)
    decoder = make_decoder(dropout=0.4, variational=variational)
    plain_encoder, plain_decoder = make_encoder(), make_decoder()
    plain_encoder.load_state_dict(encoder.state_dict())
    plain_decoder.load_state_dict(decoder.state_dict())
    state = decoder.start(make_memory(SOURCE))
    expected_BSH, expected_NH = plain_encoder(x_NE, packing).states_BSH, plain_decoder(x_NE, packing, state)
    assert not torch.allclose(encoder(x_NE, packing).states_BSH, expected_BSH)
    assert not torch.allclose(decoder(x_NE, packing, state), expected_NH)
    assert torch.equal(encoder.eval()(x_NE, packing).states_BSH, expected_BSH)
    assert torch.equal(decoder.eval()(x_NE, packing, state), expected_NH)


def test_dropout_follows_every_sublayer_and_is_inside_the_feed_forward() -> None:
    def nothing(x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    encoder, decoder = make_encoder(), make_decoder()
    packing, memory = packing_of(TARGET), make_memory(SOURCE)
    state, turn = decoder.start(memory), lambda x: x
    x_NH = torch.randn(packing.positions, H)
    assert torch.equal(encoder.blocks[0](x_NH, packing, turn, nothing), x_NH)
    assert torch.equal(decoder.blocks[0](x_NH, packing, state.memories[0], state.bias_BS, turn, nothing), x_NH)
    ffn = FeedForward(hidden_dim=H, ffn_dim=FFN)
    assert torch.equal(ffn(x_NH, nothing), ffn.outer.bias.expand_as(x_NH))


@pytest.mark.parametrize("positions", POSITIONS)
def test_parameters_are_all_there_is(positions: type[Positions]) -> None:
    """Built without memory and then filled, a model works as the one its parameters come from."""
    for make in (make_encoder, make_decoder):
        original = make(positions)
        with torch.device("meta"):
            filled = make(positions)
        filled.load_state_dict(original.state_dict(), assign=True)
        assert not list(filled.buffers())
        x_NE, packing = torch.randn(12, E), packing_of(SOURCE)
        if make is make_encoder:
            assert torch.equal(original(x_NE, packing).last_BH, filled(x_NE, packing).last_BH)
        else:
            state = make_decoder(positions).start(make_memory(SOURCE))
            assert torch.equal(original(x_NE, packing, state), filled(x_NE, packing, state))


def test_products_in_bf16_are_near_and_reach_every_parameter() -> None:
    torch.set_default_dtype(torch.float32)
    encoder, decoder = make_encoder(), make_decoder()
    exact = passed(encoder, decoder, [[0, 1, 2, 3]])
    with products.precision("bf16"):
        rounded = passed(encoder, decoder, [[0, 1, 2, 3]])
    assert not torch.equal(rounded["features 0"], exact["features 0"])
    for name, wanted in exact.items():
        assert nn.functional.cosine_similarity(rounded[name].flatten(), wanted.flatten(), 0) > 0.98, name


@pytest.mark.parametrize(("ffn_dim", "inner"), [(0, 4 * H), (5, 5)])
def test_width_of_the_feed_forward_network(ffn_dim: int, inner: int) -> None:
    for block in (
        EncoderBlock(heads=2, ffn_dim=ffn_dim, hidden_dim=H),
        DecoderBlock(heads=2, attention_heads=2, ffn_dim=ffn_dim, hidden_dim=H),
    ):
        assert isinstance(block.ffn, FeedForward)
        assert block.ffn.inner.weight.shape == (inner, H)
