"""What counts as a negative eigenvalue, everywhere."""

from __future__ import annotations

ROUNDING = 10 * 2.0**-23
"""Part of the largest magnitude below which an eigenvalue, found in single precision, is zero but for rounding.

A Hessian of low rank has such eigenvalues, of about 1e-7 of the largest. They are neither negative nor positive.
"""
