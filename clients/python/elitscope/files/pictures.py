"""Frames from ordinary pictures (PNG, JPEG, BMP, GIF). They hold no sampling: a picture's resolution is a print's dots per inch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np

from elitscope.files.errors import FileUnreadable, need
from elitscope.files.source import COLOUR_NOTE, Frame, FrameSource, describe, luminance
from elitscope.types import FrameInfo

_JPEG_NOTE = "JPEG compression alters pixels: prefer the microscope's own file"


def open_picture(path: Path, part: Optional[str]) -> FrameSource:
    """A picture: 8- or 16-bit grey as it is, colour as luminance (with a note); animations frame by frame."""
    if part is not None:
        raise FileUnreadable(f"{path} is a picture, so that ::{part} names nothing in it")
    image_module = need("PIL.Image", "reading pictures")
    with image_module.open(path) as image:
        count = int(getattr(image, "n_frames", 1))
        pixels, colour = _grey(image)
        notes = [COLOUR_NOTE] if colour else []
        if image.format == "JPEG":
            notes.append(_JPEG_NOTE)
        description = describe(image.format or "picture", count, pixels.shape, pixels.dtype, None)

    def frames() -> Iterator[Frame]:
        with image_module.open(path) as image:
            for index in range(count):
                image.seek(index)
                yield _grey(image)[0], FrameInfo()

    return FrameSource(path, description, count, frames, tuple(notes))


def _grey(image: Any) -> tuple[np.ndarray, bool]:
    """Pixels, and whether they had real colour."""
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in {"L", "F"} or image.mode.startswith("I"):
        return np.asarray(image), False
    pixels = luminance(np.asarray(image.convert("RGB")))
    return pixels, pixels.dtype == np.float32
