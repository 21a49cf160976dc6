"""Parts of training and translating in C, beside the torch forms that are their references. Must not know models.

`compiler` compiles and calls, `elementwise`, `search`, `quantised` and `tiles` are what can be called.
"""

from mtkit.ops.native import elementwise, quantised, search, tiles
from mtkit.ops.native.compiler import compiled, fits, off

__all__ = ["compiled", "elementwise", "fits", "off", "quantised", "search", "tiles"]
