"""The rounding below which the project counts an eigenvalue as zero, neither negative nor positive."""

from __future__ import annotations

ROUNDING = 10 * 2.0**-23
"""Share of the largest magnitude below which an eigenvalue computed in single precision counts as zero.

A Hessian of low rank has such eigenvalues, at about 1e-7 of the largest. They count as neither negative nor positive.
"""
