"""Pictures of what a server reconstructs: `python -m threat_models.pictures --out FILE`. People believe pictures.

PIC-1  Every picture is of an invented painter's artwork, and made by the attacks of TM-11 and TM-12 as they are tested.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

from fedstyle_secure.aggregation.summing import Aggregate

from .claim import Effort
from .masked_sum import CLIPPING, NOISE, noiseless
from .reconstruction import Prior, paint, paint_public, pixels, psnr
from .tm11_imprint import DESIGNS, IMPRINT, Size, gradients, observe, reconstruct, recover
from .tm12_inversion import SEED as INVERSION_SEED
from .tm12_inversion import invert, start_training

ROWS: Final = (
    ("The artwork", "stays with the artist"),
    ("No protection", "the server sees each upload"),
    ("Secure aggregation alone", "the server sees one sum"),
    ("Secure aggregation\nand noise", "clipped, epsilon 8: the default"),
    ("Knowing nothing", "mean of public paintings"),
)
NOTE: Final = (
    "Decibels say how close a picture is to the artwork (PSNR). Red: the server has it. "
    "Green: it is about as far off as the mean of public paintings."
)
_SIZE: Final = Size(artists=5, artworks=4, bins=42, iterations=1, side=64)
_SHOWN, _INVERTED = 4, 2
_RED, _GREEN, _GRAY, _INK = "#b3261e", "#1b6e3c", "#6b6b6b", "#1c1c1c"
_EXACT: Final = 60.0  # decibels: less than one step of 256 in any pixel
_CLOSE: Final = 1.5  # decibels over the floor up to which a picture tells nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One artwork and what becomes of it.

    Attributes:
        images: In the order of `ROWS`, each [pixels].
    """

    images: Sequence[NDArray[np.float64]]


def imprinted() -> list[Column]:
    """TM-11: artworks that have a bin to themselves, as the sparse layer gives them away."""
    design = DESIGNS["sparse"]
    scene, masked = reconstruct(design, _SIZE, frozenset({NOISE, CLIPPING}))
    _, shipped = reconstruct(design, _SIZE, frozenset())
    mechanism = noiseless(observe(scene, _SIZE, frozenset({NOISE}))[1])
    alone = np.flatnonzero(np.bincount(scene.bins)[scene.bins] == 1)
    columns = []
    for subject in range(_SHOWN):
        same = alone[alone % _SIZE.artworks == subject]
        index = int(same[subject % len(same)])
        own = slice(index - index % _SIZE.artworks, index - index % _SIZE.artworks + _SIZE.artworks)
        upload = gradients(scene.layer, scene.truth[own]).sum(axis=0, dtype=np.float64)
        seen = Aggregate(tensors={IMPRINT: upload}, noise={IMPRINT: 0.0}, survivors=1, digest=b"")
        mine = replace(scene, truth=scene.truth[own], floor=scene.floor[own], bins=scene.bins[own])
        bare = recover(mine, seen, mechanism, is_clipped=False)[index % _SIZE.artworks]
        columns.append(Column(images=(scene.truth[index], bare, masked[index], shipped[index], scene.layer.center)))
    return columns


def inverted() -> list[Column]:
    """TM-12: single gradients of a small network; the server knows all others of the sum."""
    training = start_training()
    truth = pixels(paint(_INVERTED, 1, seed=INVERSION_SEED, size=32))
    mean = Prior.fit(pixels(paint_public(32))).mean
    columns = []
    for each in truth:
        arms = (frozenset({NOISE, CLIPPING}), frozenset({NOISE}), frozenset[str]())
        found = [invert(training, each, without, Effort.FAST) for without in arms]
        columns.append(Column(images=(each, *found, mean)))
    return columns


def draw(groups: Sequence[tuple[str, Sequence[Column]]], out: Path) -> None:
    """One column for each artwork, one row for each stage of protection."""
    columns = [column for _, group in groups for column in group]
    widths = [2.15, *[1.0] * len(columns)]
    figure, axes = plt.subplots(
        len(ROWS),
        len(widths),
        figsize=(1.32 * sum(widths), 1.6 * len(ROWS) + 0.6),
        gridspec_kw={"width_ratios": widths, "wspace": 0.08, "hspace": 0.32},
        squeeze=False,
    )
    for row, (title, note) in enumerate(ROWS):
        label = axes[row, 0]
        label.axis("off")
        label.text(0.0, 0.58, title, fontsize=12, weight="bold", color=_INK, va="center", transform=label.transAxes)
        below = 0.58 - 0.15 * (1 + title.count("\n") / 2) - 0.04
        label.text(0.0, below, note, fontsize=9.5, color=_GRAY, va="center", transform=label.transAxes)
        for number, column in enumerate(columns, start=1):
            _draw_image(axes[row, number], column, row)
    figure.subplots_adjust(left=0.015, right=0.99, top=0.93, bottom=0.075)
    start = 1
    for title, group in groups:
        left, right = axes[0, start].get_position(), axes[0, start + len(group) - 1].get_position()
        figure.text((left.x0 + right.x1) / 2, 0.96, title, ha="center", fontsize=12, weight="bold", color=_INK)
        start += len(group)
    figure.text(0.015, 0.018, NOTE, fontsize=9.5, color=_GRAY)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=100)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(256).save(out, format="PNG", optimize=True)


def _draw_image(axes: Axes, column: Column, row: int) -> None:
    truth, image = column.images[0], np.clip(column.images[row], 0, 1)
    side = round((len(truth) / 3) ** 0.5)
    axes.imshow(image.reshape(side, side, 3), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if row == 0:
        return
    decibels, floor = float(psnr(truth, image)), float(psnr(truth, column.images[-1]))
    is_floor, is_hidden = row == len(ROWS) - 1, decibels <= floor + _CLOSE
    text = "exact" if decibels >= _EXACT else f"{decibels:.1f} dB"
    color = _GRAY if is_floor else _GREEN if is_hidden else _RED
    axes.set_xlabel(text, fontsize=10, color=color, weight="normal" if is_floor else "bold", labelpad=3)


def main(arguments: Sequence[str] | None = None) -> None:
    """Attack, and draw."""
    parser = argparse.ArgumentParser(prog="python -m threat_models.pictures", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    out: Path = parser.parse_args(arguments).out
    groups = (
        ("A model that copies artworks (TM-11)", imprinted()),
        ("Gradient inversion (TM-12)", inverted()),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    draw(groups, out)


if __name__ == "__main__":
    main()
