"""Tune EfficientNet-Lite0 on public artists: a style encoder in place of one that was made to name objects.

The proxy softmax with label smoothing (Movshovitz-Attias et al., ICCV 2017; Szegedy et al., CVPR 2016) on what the run
will use: style statistics and the pooled embedding. Its projection is thrown away, and the style space is fitted anew.
Public artists' works are protected by nothing; no client's artwork comes near.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from ..artworks.artwork import Portfolio
from ..artworks.seeding import named_rng
from ..encoder.backbones import Backbone, load_lite0
from ..encoder.features import random_crop, to_image
from ..writing import write_whole

STEPS, BATCH, SIDE = 240, 48, 128  # crops of so many pixels
LEARNING_RATE, SMOOTHING, SCALE, OUTPUTS = 4e-4, 0.1, 20.0, 256
KEPT: Final = 20
"""Steps between two snapshots, from which a tuning that was interrupted goes on."""

_FROZEN: Final = ("conv_stem.", "bn1.", "blocks.0.", "blocks.1.", "classifier.")
"""Layers that see edges and colors already, and those that speak of objects."""

_RECIPE: Final = "fedstyle-tuning-2"
"""Another number where the same artworks and seed come to other weights."""

State = dict[str, Tensor]


def tune(
    public: Sequence[Portfolio],
    *,
    seed: int,
    folder: Path,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> dict[str, NDArray[np.generic]]:
    """Weights that tell public artists apart; made once, in minutes, and found again in the folder.

    Args:
        public: Public artists, at least two for the task to mean anything.
        seed: Makes the weights reproducible on one machine.
        folder: Keeps what was tuned, and how far a tuning is; it exists.
        on_progress: Called with the number of steps done since the last call, STEPS in all.

    Returns:
        A state dict of `lite0`, in the names of torch.

    Raises:
        OSError: The folder cannot be written.
    """
    path = folder / f"tuned-{_digest(public, seed)}.safetensors"
    tuning = _Tuning.begin(public, seed)
    tuning.restore(_read(path))
    on_progress(tuning.done)
    while tuning.done < STEPS:
        tuning.step()
        on_progress(1)
        if tuning.done % KEPT == 0 or tuning.done == STEPS:
            write_whole(path, save(tuning.snapshot()))
    return tuning.backbone.weights()


def _digest(public: Sequence[Portfolio], seed: int) -> str:
    """Of everything that decides the weights, but for the last bits, which are the machine's."""
    facts = sha256(f"{_RECIPE}\0{torch.__version__}\0{seed}\0{STEPS} {BATCH} {SIDE}".encode())
    for portfolio in public:
        facts.update(b"".join(artwork.digest for artwork in portfolio.artworks) + portfolio.artist.encode())
    return facts.hexdigest()


def _read(path: Path) -> State | None:
    try:
        return load_file(path)
    except (OSError, SafetensorError):  # none yet, or a damaged one: it is made again
        return None


@dataclass(slots=True, kw_only=True)
class _Tuning:
    """A tuning after `done` steps."""

    public: Sequence[Portfolio]
    seed: int
    backbone: Backbone
    head: nn.ParameterDict
    trained: dict[str, nn.Parameter]
    optimizer: torch.optim.AdamW
    center: Tensor
    spread: Tensor
    done: int = 0

    @classmethod
    def begin(cls, public: Sequence[Portfolio], seed: int) -> "_Tuning":
        backbone = load_lite0()
        for name, parameter in backbone.network.named_parameters():
            parameter.requires_grad_(not name.startswith(_FROZEN))
        rng = named_rng(seed, "tuning")
        pairs = [(portfolio, index) for portfolio in public for index in range(len(portfolio.artworks))]
        sample = [pairs[i] for i in rng.permutation(len(pairs))[: 2 * BATCH]]
        with torch.no_grad():
            raw = backbone.look(_stack([random_crop(to_image(p.artworks[i]), rng, SIDE) for p, i in sample]))
        projection = rng.normal(size=(OUTPUTS, raw.shape[1])) / np.sqrt(raw.shape[1])
        head = nn.ParameterDict(
            {
                "projection": nn.Parameter(torch.from_numpy(projection.astype(np.float32))),
                "proxies": nn.Parameter(torch.from_numpy(rng.normal(size=(len(public), OUTPUTS)).astype(np.float32))),
            }
        )
        trained = {n: p for n, p in [*backbone.network.named_parameters(), *head.items()] if p.requires_grad}
        return cls(
            public=public,
            seed=seed,
            backbone=backbone,
            head=head,
            trained=trained,
            optimizer=torch.optim.AdamW(trained.values(), lr=LEARNING_RATE),
            center=raw.mean(0),
            spread=raw.std(0) + 1e-3,
        )

    def step(self) -> None:
        """One batch: as many works of each artist as of any other, whatever their portfolios' sizes."""
        rng = named_rng(self.seed, "tuning", self.done)
        artists = rng.integers(len(self.public), size=BATCH).tolist()
        works = [self.public[artist].artworks for artist in artists]
        crops = [random_crop(to_image(each[int(rng.integers(len(each)))]), rng, SIDE) for each in works]
        embedded = ((self.backbone.look(_stack(crops)) - self.center) / self.spread) @ self.head["projection"].T
        logits = SCALE * F.normalize(embedded) @ F.normalize(self.head["proxies"]).T
        loss = F.cross_entropy(logits, torch.tensor(artists), label_smoothing=SMOOTHING)
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 + np.cos(np.pi * self.done / STEPS)) / 2
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.done += 1

    def snapshot(self) -> State:
        """What a tuning goes on from."""
        state = {"done": torch.tensor(self.done)}
        for name, parameter in self.trained.items():
            moments = self.optimizer.state[parameter]
            state |= {name: parameter.detach().contiguous()}
            state |= {f"{name} {moment}": moments[moment].contiguous() for moment in ("exp_avg", "exp_avg_sq")}
        return state

    def restore(self, state: State | None) -> None:
        """Go on from a snapshot; one that does not fit is none."""
        if state is None or {name for name in state if " " not in name} != {"done", *self.trained}:
            return
        self.done = int(state["done"])
        for name, parameter in self.trained.items():
            with torch.no_grad():
                parameter.copy_(state[name])
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(self.done)),
                "exp_avg": state[f"{name} exp_avg"],
                "exp_avg_sq": state[f"{name} exp_avg_sq"],
            }


def _stack(images: Sequence[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(images))
