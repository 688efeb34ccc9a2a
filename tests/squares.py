"""A small encoder of its own, installed as a package would be: coarse grey values, and hashed letters.

It is this very file: `installed` puts a copy of it with an entry point into a folder, for the path of a process.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.encoders.base import EncoderInfo

LOG = "SQUARES_LOG"  # a file that gets the size of every batch


class Squares:
    """48 numbers for each picture; another `model` turns them around."""

    dimension = 48

    def __init__(self, model: str = "plain") -> None:
        self._model = model

    def info(self) -> EncoderInfo:
        digest = hashlib.sha256(f"squares {self._model}".encode()).hexdigest()
        return EncoderInfo("squares", digest, self.dimension, 64)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                vector[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1
        return self._unit(vectors)

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        if LOG in os.environ:
            with Path(os.environ[LOG]).open("a") as file:
                file.write(f"{len(images)}\n")
        small = [np.asarray(image.convert("L").resize((8, 6)), np.float32).ravel() for image in images]
        return self._unit(np.stack(small)) if small else np.zeros((0, self.dimension), np.float32)

    def unread(self, text: str) -> str:
        return ""

    def _unit(self, vectors: np.ndarray) -> np.ndarray:
        vectors = vectors + 1e-3
        turned = vectors if self._model == "plain" else vectors[:, ::-1]
        return (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)


def installed(folder: Path) -> Path:
    """Install this encoder in a folder, and return that."""
    about = folder / "squares-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(__file__, folder / "squares.py")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: squares\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[mirage.encoders]\nsquares = squares:Squares\n")
    return folder


def encoded(log: Path) -> int:
    """How many pictures were encoded by processes that were given this log."""
    return sum(map(int, log.read_text().split())) if log.exists() else 0
