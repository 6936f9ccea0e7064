"""Data sets with held-out training images: most are trained on, the others evaluate, and no test image is used."""

from __future__ import annotations

from dataclasses import dataclass, fields

from vitwork.design.dataset import DataSpec
from vitwork.errors import VitworkError


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut(DataSpec):
    """A data set evaluated on held-out training images, for choices between networks by their accuracy.

    Attributes:
        validation: number of training images held out, in equal class counts, on top of ``train``.
    """

    validation: int

    @classmethod
    def of(cls, spec: DataSpec, validation: int) -> HeldOut:
        """Return a data set with a number of its training images held out."""
        if validation < 1:
            raise VitworkError(f"validation is 1 or more, not {validation}")
        return cls(**{field.name: getattr(spec, field.name) for field in fields(DataSpec)}, validation=validation)

    @property
    def whole(self) -> DataSpec:
        """The data set before it is divided."""
        train = None if self.train is None else self.train + self.validation
        return DataSpec(self.source, self.size, train, self.test, self.fraction)
