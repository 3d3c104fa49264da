"""Named streams of random numbers, and the few draws that several modules share."""

import zlib

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def stream(seed: int, name: str) -> np.random.Generator:
    """A generator that depends on the seed and the name only.

    Each concern draws from its own stream, so that a draw added to one concern leaves the others unchanged.
    """
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))


def latent_to_scale(latent: FloatArray, scale_min: int, scale_max: int) -> IntArray:
    """Answers on a scale of whole numbers for latent opinions in points of 0-100 (any shape, same out)."""
    answer = np.rint(scale_min + (scale_max - scale_min) * latent / 100.0)
    return np.clip(answer, scale_min, scale_max).astype(np.int64)


def logistic(value: FloatArray) -> FloatArray:
    """Probability for a value in log-odds (any shape)."""
    return np.asarray(1.0 / (1.0 + np.exp(-value)), dtype=np.float64)
