"""An encoder that torch computes: networks without a graph of their own, and other devices than the processor."""

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from .backbones import Backbone
from .device import Device


class NetworkEncoder:
    """A backbone on a device; what ENC-1 says holds here too.

    Args:
        backbone: A frozen public network.
        name: Which network it is, without the digest.
        device: Where it computes.

    Raises:
        InputError: There is no such device.
    """

    workers = 1  # torch shares the cores among the operations of one image

    def __init__(self, backbone: Backbone, name: str, device: Device = Device.CPU) -> None:
        self.name = f"{name}@{backbone.digest()}"
        self.image_size, self.pooled_size = backbone.image_size, backbone.pooled_size
        self._device = choose_device(device)
        self._backbone = backbone.to(self._device)
        threads = (
            f", {torch.get_num_threads()} threads" if self._device is Device.CPU else ""
        )  # they decide the last bits
        self.runtime = f"torch {torch.__version__} on {self._device.upper()}{threads}"

    def encode(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """One image [3, S, S] in [0, 1] to raw features [statistics + pooled], float32 (ENC-1)."""
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            features = self._backbone(torch.from_numpy(image)[None].to(self._device))[0]
        numbers: NDArray[np.float32] = features.numpy(force=True)
        return numbers


def choose_device(wanted: Device) -> Device:
    """What torch is to compute on.

    Raises:
        InputError: It is not there.
    """
    found = [Device(name) for name in ("cuda", "mps") if getattr(torch, name).is_available()]
    if wanted is Device.AUTO:
        return found[0] if found else Device.CPU
    if wanted not in {Device.CPU, *found}:
        raise InputError(f"--device {wanted} is not there: torch finds {' and '.join([*found, Device.CPU])} here")
    return wanted
