"""Colours of the drawn pictures: palettes from dark to light."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_HEX: dict[str, str] = {
    "dusk": "1b1b3a 53354a 903749 e84545 ffd28a",
    "lagoon": "05283a 0b5563 178582 6bc5a9 f3f7d6",
    "forest": "10211a 24483a 4d7a4a a3b56b f0ead2",
    "ember": "190b0a 5a1a12 b5391b f08a24 ffe9a8",
    "orchid": "1d1030 4b2367 9a3f96 e07ab4 fde6f0",
    "steel": "11161d 2d3e50 5f7d95 a9c0cf f4f7f9",
    "desert": "2b1a12 7a4a2b c48448 ebbf7c fbf0d9",
    "candy": "2b2d6e 3f88c5 f25c8a ffba49 fff7e8",
    "mint": "0f2b2b 1f6f63 4fbf9f a8e6c1 fbfff5",
    "royal": "0b1033 1f2f8a 3f63d8 93b7f5 f3f6ff",
    "autumn": "24110b 6b2d1a b8541f e3a22b f7e7b4",
    "berry": "20081c 5f0f40 9a1750 e3646f fbd1b7",
    "sage": "1f2a24 4a5d4f 8a9a7b c6c9a5 f5f2e3",
    "neon": "0a0a1f 3a0ca3 f72585 4cc9f0 fafaff",
    "copper": "14100e 4a2f27 8c4f3a cc8b65 f2dcc8",
    "glacier": "08202e 1d4e6b 3f8fb0 9fd3e0 f5fcff",
    "lemon": "2f2a10 6f6a1c b5b02c ebe04f fffde0",
    "plum": "17121f 3d2c4f 7a5c8e b99fc4 f3ebf5",
    "tropic": "06323b 00857a f2b705 f28705 fff4d6",
    "brick": "1f1211 6a2a25 a8483c d68c74 f6e3d7",
    "ink": "0b0b0d 33343a 6d6e75 b3b4b8 f7f7f5",
    "spring": "16311b 3c8d40 9bc53d fde74c fffbe6",
    "coral": "0d2233 2f5d73 f2705c f9b69c fff1e6",
    "jade": "04140f 0a4a36 12916a 7fd6a6 eafff3",
}

PALETTES: tuple[npt.NDArray[np.float32], ...] = tuple(
    np.array(
        [[int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)] for colour in row.split()],
        np.float32,
    )
    for row in _HEX.values()
)
"""Each float32 [5, 3], 0 to 1."""
