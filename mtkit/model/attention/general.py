"""Bilinear attention (Luong et al. 2015, "general"): score = query . W memory."""

from torch import Tensor, nn

from mtkit.model.attention.dot import Dot
from mtkit.model.products import linear


class General(Dot):
    """Dot-product attention over keys that are a linear map of the memory."""

    def __init__(self, hidden_dim: int) -> None:
        super().__init__(hidden_dim)
        self.key = nn.Linear(hidden_dim, hidden_dim, bias=False)
        nn.init.xavier_uniform_(self.key.weight)

    def keys(self, memory_BSH: Tensor) -> Tensor:
        return linear(memory_BSH, self.key.weight)
