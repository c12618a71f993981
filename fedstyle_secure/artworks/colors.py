"""Colors as painters mix them: in OKLab, where equal steps look equal (Ottosson 2020)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .hands import Hand
from .sketch import Material

_OWN_COLORS: Final = {
    Material.SKY: (235, 0.07),
    Material.CLOUD: (250, 0.02),
    Material.WATER: (220, 0.08),
    Material.LEAF: (135, 0.11),
    Material.EARTH: (70, 0.07),
    Material.STONE: (260, 0.03),
    Material.SNOW: (240, 0.01),
    Material.WOOD: (60, 0.07),
    Material.BRICK: (38, 0.11),
    Material.SKIN: (55, 0.07),
    Material.CLOTH: (15, 0.13),
    Material.GOLD: (90, 0.13),
    Material.FRUIT: (35, 0.15),
    Material.NIGHT: (270, 0.08),
    Material.PETAL: (350, 0.13),
    Material.INK: (280, 0.02),
    Material.CREAM: (85, 0.05),
}
"""What things look like to somebody without a palette: (hue in degrees, chroma) of OKLCh."""


_LAB_TO_LMS: Final = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]], np.float32
)
_LMS_TO_RGB: Final = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ],
    np.float32,
)


def mix_palette(hand: Hand) -> NDArray[np.float32]:
    """Color [materials, 2] (a, b) of each material: its own, pulled to the color of the palette that stands for it.

    That is the nearest one, or, for a bold painter, the one nearest after the thing's own hue was turned.
    """
    own = np.array([to_ab(*_OWN_COLORS[material]) for material in Material])
    turned = np.array([to_ab(hue + hand.boldness, chroma) for hue, chroma in _OWN_COLORS.values()])
    palette = np.array([to_ab(*color) for color in hand.palette])
    chosen = palette[np.argmin(np.linalg.norm(turned[:, None] - palette, axis=2), axis=1)]
    mixed: NDArray[np.float32] = (own + hand.loyalty * (chosen - own)).astype(np.float32)
    return mixed


def to_ab(hue: float, chroma: float) -> NDArray[np.float64]:
    """A color of OKLCh (hue in degrees, chroma) in the a-b plane of OKLab: [2]."""
    angle = np.deg2rad(hue)
    return chroma * np.array([np.cos(angle), np.sin(angle)])


def to_srgb(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """OKLab [n, 3] -> sRGB [n, 3] in [0, 1], clipped to the gamut (Ottosson 2020; IEC 61966-2-1)."""
    linear = np.clip((lab @ _LAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)
