"""The feature skews of a study: what clients see differs, what they would call it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from unalike.data.federated_data import Data
from unalike.data.truth import Truth
from unalike.functional.streams import generator

from .feature_transforms import transform_clients
from .rotation import rotate_by
from .skew import Family, Groups, TransformSkew, draw_units


class FeatureSkew(TransformSkew):
    """A skew by one of the lenses of `feature_transforms.py`, which says what it draws."""

    family: ClassVar[Family] = "feature"

    groups: Groups = 0

    @property
    def degree(self) -> float:
        """The strength of the lens; 0 changes nothing."""
        raise NotImplementedError

    def transform(self, federation: Data, *, seed: int) -> tuple[Data, Truth | None]:
        unit = draw_units(federation.clients, self.groups, f"data/{self.kind}/groups", seed)
        seen = transform_clients(
            federation, kind=self.kind, strength=self.degree, groups=unit, seed=seed
        )
        drawn = tuple(f"{self.kind} {g + 1}" for g in range(self.groups))
        truth = Truth(self.kind, unit, drawn) if self.groups else None
        return replace(seen, groups=federation.groups), truth


class Noise(FeatureSkew):
    """A worse sensor."""

    meaning: ClassVar[str] = "white noise, of another level for each client"

    kind: Literal["noise"] = "noise"
    level: Annotated[
        float,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="largest standard deviation of the noise, over that of all numbers",
        ),
    ] = 0.5

    @property
    def degree(self) -> float:
        """The largest level."""
        return self.level


class StrengthSkew(FeatureSkew):
    """A skew with a strength."""

    strength: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="how far clients differ; 0: not at all")
    ] = 0.5

    @property
    def degree(self) -> float:
        """The strength."""
        return self.strength


class Gain(StrengthSkew):
    """Another instrument."""

    meaning: ClassVar[str] = "all numbers of a client scaled and shifted alike"

    kind: Literal["gain"] = "gain"


class Shift(StrengthSkew):
    """Another assay."""

    meaning: ClassVar[str] = "all samples of a client moved by one step in a direction of its own"

    kind: Literal["shift"] = "shift"


class Contrast(StrengthSkew):
    """Another exposure."""

    meaning: ClassVar[str] = "the contrast of each sample about its own mean"

    kind: Literal["contrast"] = "contrast"


class Gamma(StrengthSkew):
    """Another film."""

    meaning: ClassVar[str] = "pixels in [0, 1] to a power of the client's own"

    kind: Literal["gamma"] = "gamma"


class Blur(StrengthSkew):
    """Another focus."""

    meaning: ClassVar[str] = "pixels averaged with their neighbours, more with some clients"

    kind: Literal["blur"] = "blur"


class BiasField(StrengthSkew):
    """Uneven light."""

    meaning: ClassVar[str] = "a smooth field of brightness over the image"

    kind: Literal["field"] = "field"


class Scanner(StrengthSkew):
    """Another scanner: gain, bias, gamma and a bias field together."""

    meaning: ClassVar[str] = "gain, bias, gamma and bias field of each client's scanner"

    kind: Literal["scanner"] = "scanner"


class Colour(StrengthSkew):
    """Another camera."""

    meaning: ClassVar[str] = "hue and saturation of each client's camera"

    kind: Literal["colour"] = "colour"


class Rotation(TransformSkew):
    """Each client turns its images by one angle: evenly spaced for groups, uniform for each."""

    family: ClassVar[Family] = "feature"
    meaning: ClassVar[str] = "all images of a client turned by one angle"

    kind: Literal["rotation"] = "rotation"
    groups: Annotated[
        int, Field(ge=0, description="angles 360 k / groups; 0: each client its own, uniform")
    ] = 4
    strength: Annotated[
        float, Field(ge=0, le=1, description="share of the circle that the angles spread over")
    ] = 1.0

    def describe(self) -> str:
        """With the angles."""
        if not self.groups:
            return f"rotation (each client by up to {180 * self.strength:g} degrees)"
        turns = ", ".join(f"{angle:g}" for angle in self.angles)
        return f"rotation (groups by {turns} degrees)"

    @property
    def angles(self) -> tuple[float, ...]:
        """The angles of the groups, in degrees."""
        return tuple(360 * self.strength * g / self.groups for g in range(self.groups))

    def transform(self, federation: Data, *, seed: int) -> tuple[Data, Truth | None]:
        if not self.groups:
            luck = generator(seed, "data/rotation").uniform(-1, 1, federation.clients)
            return rotate_by(federation, 180 * self.strength * luck), None
        unit = draw_units(federation.clients, self.groups, "data/rotation", seed)
        drawn = tuple(f"{angle:g} degrees" for angle in self.angles)
        rotated = rotate_by(federation, np.asarray(self.angles)[unit])
        return rotated, Truth(self.kind, unit, drawn)


FEATURE = (Rotation, Colour, Blur, BiasField, Scanner, Gain, Gamma, Contrast, Shift, Noise)
"""In the order in which they apply: the scene, the optics, the sensor."""
