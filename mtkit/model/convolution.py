"""Strided convolutions that shorten a sentence before an encoder reads it. Must not know which encoder.

Dimensions: N packed real positions, B sentences, L positions of a table, C channels in, K kernel.
"""

from torch import Tensor, nn

from mtkit.ops.dropout import dropout
from mtkit.ops.packing import Packing
from mtkit.ops.products import linear


class Convolution(nn.Module):
    """Layers of convolution over time and ReLU (LeCun et al. 1998), with dropout between them.

    A layer of stride s leaves ceil(length / s) positions: output j sees the inputs around j * s, the kernel's
    middle (of an even kernel the left one) on it, zeros beyond both ends of the sentence.

    Args:
        layers: (kernel, stride, channels) of each.
        embed_dim: width of what comes in.
    """

    width: int
    """Channels of the last layer."""
    stride: int
    """Positions in, of which all layers together make one."""

    def __init__(
        self, layers: list[tuple[int, int, int]], embed_dim: int, dropout: float, variational: bool = False
    ) -> None:
        super().__init__()
        self.dropout, self.variational = dropout, variational
        self.width, self.stride = embed_dim, 1
        self.layers = nn.ModuleList()
        for kernel, stride, channels in layers:
            self.layers.append(nn.Conv1d(self.width, channels, kernel, stride))
            self.width, self.stride = channels, self.stride * stride

    def forward(self, x_NC: Tensor, packing: Packing) -> tuple[Tensor, Packing]:
        """Shorten sentences.

        Args:
            x_NC: embedded positions.
            packing: where they are.

        Returns:
            The vectors of the positions that are left, (N', width), and where those are.
        """
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, nn.Conv1d)
            if number and self.training:
                x_NC = dropout(x_NC, self.dropout, packing, self.variational)
            (kernel,), (stride,) = layer.kernel_size, layer.stride
            shorter = packing.shortened(stride)
            left = (kernel - 1) // 2
            right = max(0, (shorter.columns - 1) * stride + kernel - left - packing.columns)
            padded_BLC = nn.functional.pad(packing.unpack(x_NC), (0, 0, left, right))
            # Windows as rows: a product of real positions only, in the precision of training.
            windows_NCK = shorter.pack(padded_BLC.unfold(1, kernel, stride))
            x_NC = linear(windows_NCK.flatten(1), layer.weight.flatten(1), layer.bias).relu()
            packing = shorter
        return x_NC, packing

    def fields(self, length: int) -> list[tuple[int, int]]:
        """Of each position that is left of a sentence, the first and the last position in that it sees."""
        seen = [(place, place) for place in range(length)]
        for layer in self.layers:
            assert isinstance(layer, nn.Conv1d)
            (kernel,), (stride,) = layer.kernel_size, layer.stride
            starts = [place - (kernel - 1) // 2 for place in range(0, len(seen), stride)]
            seen = [(seen[max(0, one)][0], seen[min(len(seen), one + kernel) - 1][1]) for one in starts]
        return seen
