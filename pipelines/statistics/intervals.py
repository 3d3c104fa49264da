"""Estimates with 95 % intervals from summed statistics, vectorised.

Every function takes arrays of one shape (scalars are broadcast) and returns `Estimates` of that shape, in the
units of s1/n. Three promises hold for every element with n > 0: lower <= value <= upper, the error is above zero,
and the error is the half-width of the (unclipped) interval divided by 1.96. The last makes errors of different
kinds comparable: for a mean on few answers it carries Student's wider quantile, for a count the half-width of an
interval that is not symmetric. Elements with n <= 0 or null give NaN throughout.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[np.float64]

CONFIDENCE = 0.95
Z = float(special.ndtri(0.5 + CONFIDENCE / 2))
"""Two-sided 95 % quantile of the normal distribution, 1.959964."""

NU0 = 4.0
"""Degrees of freedom that the pooled variance brings to a unit's own (method §2)."""


class Estimates(NamedTuple):
    """Value, 95 % bounds and standard error (half-width / 1.96); four arrays of one shape, units of s1/n."""

    value: Array
    lower: Array
    upper: Array
    se: Array


def _arrays(*values: npt.ArrayLike) -> list[Array]:
    """The arguments as float arrays of one shape; the last is n, made NaN where it is not above zero."""
    arrays = [np.array(a, dtype=np.float64) for a in np.broadcast_arrays(*[np.asarray(v, float) for v in values])]
    arrays[-1] = np.where(arrays[-1] > 0, arrays[-1], np.nan)
    return arrays


def _around(value: Array, lower: Array, upper: Array, se: npt.ArrayLike) -> Estimates:
    """Bounds that contain the value: rounding, or a centre moved by an adjustment, may leave it just outside."""
    return Estimates(value, np.minimum(lower, value), np.maximum(upper, value), np.asarray(se, dtype=np.float64))


def wilson(s1: npt.ArrayLike, n: npt.ArrayLike) -> Estimates:
    """Share of successes with Wilson's score interval (Wilson 1927; Newcombe 1998, method 3).

    s1: successes, n: trials (may be fractional, as in aggregated feeds). Value and bounds lie in [0, 1]; s1 is
    brought into [0, n] first, since a feed rounded to one decimal can end a hair outside.
    """
    successes, trials = _arrays(s1, n)
    p = np.clip(successes / trials, 0.0, 1.0)
    shrink = 1 + Z**2 / trials
    centre = (p + Z**2 / (2 * trials)) / shrink
    half = Z * np.sqrt(p * (1 - p) / trials + Z**2 / (4 * trials**2)) / shrink
    return _around(p, np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0), half / Z)


def adjusted_wald_nps(s1: npt.ArrayLike, s2: npt.ArrayLike, n: npt.ArrayLike) -> Estimates:
    """Net promoter score as a share in [-1, 1] with the adjusted Wald interval (Rocks 2016, The American
    Statistician; Sauro & Lewis 2020): n + 3, and 3/4 more promoters and 3/4 more detractors.

    s1: promoters - detractors, s2: promoters + detractors, n: answers. The value is the plain s1/n; the interval
    is centred on the adjusted score, then widened where needed to contain the value.
    """
    net, both, answers = _arrays(s1, s2, n)
    value = np.clip(net / answers, -1.0, 1.0)
    # Both cannot be below |net| nor above n; a feed's rounding must not make the variance negative.
    both = np.clip(both, np.abs(value) * answers, answers)
    adjusted_n = answers + 3.0
    centre = value * answers / adjusted_n
    variance = (both + 1.5) / adjusted_n - centre**2
    se = np.sqrt(variance / adjusted_n)
    return _around(value, np.clip(centre - Z * se, -1.0, 1.0), np.clip(centre + Z * se, -1.0, 1.0), se)


def exact_poisson(events: npt.ArrayLike, exposure: npt.ArrayLike) -> Estimates:
    """Events per unit of exposure with the exact interval (Garwood 1936), through quantiles of the gamma.

    events: a count (halves are allowed, as in the French turnover formula), exposure: person-months and the like.
    The lower bound is 0 when there was no event; the upper bound never is. Unit: events per unit of exposure.
    """
    count, base = _arrays(events, exposure)
    count = np.maximum(count, 0.0)
    tail = (1 - CONFIDENCE) / 2
    # gammaincinv(0, p) is 0 by continuity; asking SciPy for it at 0 gives NaN in some versions.
    lower = np.where(count > 0, special.gammaincinv(np.where(count > 0, count, 1.0), tail), 0.0)
    upper = special.gammaincinv(count + 1.0, 1 - tail)
    return _around(count / base, lower / base, upper / base, (upper - lower) / (2 * Z * base))


def jeffreys_poisson(events: npt.ArrayLike, exposure: npt.ArrayLike) -> Estimates:
    """Events per unit of exposure with Jeffreys' interval (Brown, Cai & DasGupta 2003): quantiles of a gamma of shape
    events + 1/2; the lower bound is 0 when there was no event.

    Its coverage is near 95 % on average over true rates, where the exact interval's is never below: right for a part
    of a difference, in which the exact interval's reserve would be counted twice. Arguments and units: as
    `exact_poisson`.
    """
    count, base = _arrays(events, exposure)
    count = np.maximum(count, 0.0)
    tail = (1 - CONFIDENCE) / 2
    lower = np.where(count > 0, special.gammaincinv(count + 0.5, tail), 0.0)
    upper = special.gammaincinv(count + 0.5, 1 - tail)
    return _around(count / base, lower / base, upper / base, (upper - lower) / (2 * Z * base))


def difference(first: Estimates, second: Estimates) -> Estimates:
    """First less second, with the interval of Newcombe (1998, method 10) and Zou & Donner (2008): of two independent
    estimates, each brings the distance to its own bound on the side that matters,
    lower = d - √((a - lower_a)² + (upper_b - b)²), upper alike. So an interval that is not centred on its estimate,
    as Wilson's, keeps its shape; adding half-widths about the plain difference covers too little on few answers.
    """
    value = first.value - second.value
    lower = value - np.hypot(first.value - first.lower, second.upper - second.value)
    upper = value + np.hypot(first.upper - first.value, second.value - second.lower)
    return Estimates(value, lower, upper, (upper - lower) / (2 * Z))


def sample_variance(s1: npt.ArrayLike, s2: npt.ArrayLike, n: npt.ArrayLike) -> Array:
    """Unbiased variance of one answer, (s2 - s1²/n)/(n - 1); NaN for n <= 1. Unit: that of s2/n.

    A spread that is only rounding (below 1e-10 of the sum of squares: identical answers) comes out as exactly 0.
    """
    total, squares, answers = _arrays(s1, s2, n)
    spread = squares - total**2 / answers
    dust = 1e-10 * np.abs(squares)
    spread = np.where(spread > dust, spread, np.where(np.isnan(spread), np.nan, 0.0))
    return np.where(answers > 1, spread / np.where(answers > 1, answers - 1, 1.0), np.nan)


def moderated_variance(s1: npt.ArrayLike, s2: npt.ArrayLike, pooled: npt.ArrayLike, n: npt.ArrayLike) -> Array:
    """Variance of one answer drawn towards the pooled one: (nu0·pooled + (n-1)·s²)/(nu0 + n - 1), nu0 = 4
    (the form of Smyth 2004, with a fixed prior weight).

    pooled must be above zero; then so is the result, even for one answer or identical answers.
    """
    total, squares, prior, answers = _arrays(s1, s2, pooled, n)
    own_weight = np.maximum(answers - 1.0, 0.0)
    own = np.nan_to_num(sample_variance(total, squares, answers), nan=0.0)
    return (NU0 * prior + own_weight * own) / (NU0 + own_weight)


def mean_interval(
    s1: npt.ArrayLike,
    variance: npt.ArrayLike,
    n: npt.ArrayLike,
    *,
    smallest: npt.ArrayLike = -np.inf,
    largest: npt.ArrayLike = np.inf,
) -> Estimates:
    """Mean with Student's interval on nu0 + n - 1 degrees of freedom for a given variance of one answer.

    smallest, largest: the bounds an answer can have; the interval is cut to them (NaN: not bounded). The error is
    taken before the cut, and carries Student's quantile: se = t·sqrt(variance/n)/1.96.
    """
    low, high, total, spread, answers = _arrays(smallest, largest, s1, variance, n)
    value = total / answers
    freedom = NU0 + np.maximum(answers - 1.0, 0.0)
    half = special.stdtrit(freedom, 0.5 + CONFIDENCE / 2) * np.sqrt(spread / answers)
    lower = np.maximum(value - half, np.where(np.isnan(low), -np.inf, low))
    upper = np.minimum(value + half, np.where(np.isnan(high), np.inf, high))
    return _around(value, lower, upper, half / Z)


def moderated_mean(
    s1: npt.ArrayLike,
    s2: npt.ArrayLike,
    pooled: npt.ArrayLike,
    n: npt.ArrayLike,
    *,
    smallest: npt.ArrayLike = -np.inf,
    largest: npt.ArrayLike = np.inf,
) -> Estimates:
    """Mean of n answers with a moderated variance and Student's interval on nu0 + n - 1 degrees of freedom.

    s1: sum of answers, s2: sum of their squares, pooled: variance of one answer within comparable units (above
    zero). So neither one answer nor identical answers ever give a zero error (method §2).
    """
    return mean_interval(s1, moderated_variance(s1, s2, pooled, n), n, smallest=smallest, largest=largest)
