"""What features cost by ONNX Runtime and by torch, on the same weights and artworks, and how soon the first are there.

`python -m benchmarks.features --artworks 12 --views 4 --json`

Times of an image are CPU time of this process on one thread, and the least of several rounds: other processes can only
add to it. All take turns, so that they see the same machine; crops are made beforehand.

* onnx_ms: the graph, image by image, as every extraction of a known encoder goes.
* torch_ms: torch, image by image, as other networks go. torch_together_ms: all views of an artwork at once.
* torch_over_onnx: the lesser of these two over onnx_ms.
* crop_ms: making the views, whatever computes.
* cached_ms: an artwork found in the cache of features, all its views.
* difference: the largest between both, in units of 1 + |x|.
* first_onnx_s, first_torch_s: from the start of a Python process to the features of a first image, CPU time, least of
  three; the graph was drawn before. loaded_s is that of a process that loads numpy and Pillow alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

import numpy as np
import torch

from fedstyle_secure.allocator import keep_freed_memory
from fedstyle_secure.artworks.atelier import paint_atelier
from fedstyle_secure.encoder.backbones import load_lite0
from fedstyle_secure.encoder.feature_cache import FeatureCache
from fedstyle_secure.encoder.features import extract, make_views
from fedstyle_secure.encoder.network import NetworkEncoder
from fedstyle_secure.encoder.opening import open_encoder
from fedstyle_secure.encoder.spec import IMAGE_SIZE, LITE0, BackboneSpec

_ROUNDS, _STARTS = 4, 3

_IMAGE = f"import numpy, PIL.Image; image = numpy.zeros((3, {IMAGE_SIZE}, {IMAGE_SIZE}), numpy.float32)\n"
_STARTED = {
    "loaded_s": _IMAGE,
    "first_onnx_s": _IMAGE
    + "from fedstyle_secure.encoder.opening import open_encoder\n"
    + "from fedstyle_secure.encoder.spec import BackboneSpec\n"
    + "open_encoder(BackboneSpec()).encode(image)\n",
    "first_torch_s": _IMAGE
    + "from fedstyle_secure.encoder.backbones import load_lite0\n"
    + "from fedstyle_secure.encoder.network import NetworkEncoder\n"
    + "NetworkEncoder(load_lite0(), 'lite0').encode(image)\n",
}
_TELL = "import resource; used = resource.getrusage(resource.RUSAGE_SELF); print(used.ru_utime + used.ru_stime)"


def measure(artworks: int, views: int) -> dict[str, float]:
    """All numbers of one run."""
    (portfolio,) = paint_atelier(artists=1, artworks=artworks, seed=0)
    graph, backbone = open_encoder(BackboneSpec()), load_lite0()
    network = NetworkEncoder(backbone, LITE0)
    images = [np.stack(make_views(artwork, views, graph.image_size)) for artwork in portfolio.artworks]

    def together() -> None:
        with torch.inference_mode():
            for batch in images:
                backbone(torch.from_numpy(batch))

    count = artworks * (1 + views)
    turns: dict[str, tuple[Callable[[], object], int]] = {
        "onnx_ms": (lambda: [graph.encode(image) for batch in images for image in batch], count),
        "torch_ms": (lambda: [network.encode(image) for batch in images for image in batch], count),
        "torch_together_ms": (together, count),
        "crop_ms": (lambda: [make_views(each, views, graph.image_size) for each in portfolio.artworks], count),
    }
    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(Path(folder))
        extract(portfolio.artworks, graph, views=views, cache=cache)
        turns["cached_ms"] = (lambda: extract(portfolio.artworks, graph, views=views, cache=cache), artworks)
        rounds = [{name: _milliseconds(work) / of for name, (work, of) in turns.items()} for _ in range(_ROUNDS)]
    least = {name: min(each[name] for each in rounds) for name in turns}
    pairs = [(graph.encode(image), network.encode(image)) for batch in images for image in batch]
    difference = max(float((np.abs(one - other) / (1 + np.abs(other))).max()) for one, other in pairs)
    starts = {name: min(_start(code) for _ in range(_STARTS)) for name, code in _STARTED.items()}
    ratio = min(least["torch_ms"], least["torch_together_ms"]) / least["onnx_ms"]
    return {"torch_over_onnx": ratio} | least | {"difference": difference} | starts


def _milliseconds(work: Callable[[], object]) -> float:
    begun = process_time()
    work()
    return 1e3 * (process_time() - begun)


def _start(code: str) -> float:
    """CPU seconds of a new process."""
    command = [sys.executable, "-c", code + _TELL]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter
    return float(done.stdout)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--artworks", type=int, default=12)
    parser.add_argument("--views", type=int, default=4, help="crops of an artwork beside itself")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = measure(options.artworks, options.views)
    finally:
        torch.set_num_threads(threads)
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:>20} {value:.3g}")


if __name__ == "__main__":
    keep_freed_memory()  # as the command line does; torch gains by it
    main()
