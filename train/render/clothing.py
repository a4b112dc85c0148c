"""What a body wears: where each garment ends, how far it stands off the skin, its colours and patterns.

Garments are signed fields over the surface, metres to the garment's edge, positive inside; the picture's pixels cut
them, so that edges are sharp whatever the mesh.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from train.render import skirt
from train.render.body import BodyModel
from train.render.skirt import SkirtCut

FloatArray = NDArray[np.float32]
Colour = NDArray[np.float64]

SKIN_TONES = np.array(
    [[255, 224, 196], [241, 194, 160], [224, 172, 125], [198, 134, 92], [141, 85, 54], [96, 57, 38], [70, 42, 30]]
) / 255.0  # fmt: skip
HAIR_TONES = (
    np.array([[20, 16, 14], [45, 30, 22], [84, 56, 34], [150, 110, 62], [198, 166, 110], [150, 150, 150]]) / 255.0
)

ARM_PARTS, LEG_PARTS, HEAD_PART, NECK_PART = (7, 8, 9, 12, 13, 14), (16, 17, 18, 20, 21, 22), 4, 3
PATTERNS, PRINT = 8, 8
"""Patterns that the shader draws by itself, and the number of the one that shows a piece of a photograph."""
LINING = 0.07
"""How much shorter than the skirt the lining below it is, as a share of the leg."""


@dataclass(frozen=True)
class Cloth:
    """Colours (sRGB 0..1) and pattern of one garment; ``form`` is pitch, phase, threshold and place."""

    first: Colour
    second: Colour
    pattern: int = 0
    form: tuple[float, float, float, float] = (100.0, 0.0, 0.0, 0.3)


@dataclass(frozen=True, eq=False)
class Dress:
    """An outfit.

    Attributes:
        layers: (V, 4) fields of top, bottom, shoes, hair; metres inside the edge.
        stand_off_m: (V,) distance from the skin.
        softness: (V,) 0..1, how far the garment hides the small forms of the body.
        top, bottom: the cloth of each.
        skin, lips, hair, iris, shoe: colours, sRGB 0..1.
        crumple: strength of the folds, 0..1.
        gloss: strength of the highlights.
        skirt: the cut of what hangs free of the legs, if there is any.
        printed: (n, n, 3) RGB, the photograph that cloth of pattern ``PRINT`` shows.
    """

    layers: FloatArray = field(repr=False)
    stand_off_m: FloatArray = field(repr=False)
    softness: FloatArray = field(repr=False)
    top: Cloth
    bottom: Cloth
    skin: Colour
    lips: Colour
    hair: Colour
    iris: Colour
    shoe: Colour
    crumple: float
    gloss: float
    skirt: SkirtCut | None = None
    printed: NDArray[np.uint8] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Cut:
    """The shapes of an outfit, metres.

    Attributes:
        sleeve: sleeve length as a share of the arm, 1 at the wrist; below 0 none.
        leg: trouser length as a share of the leg, 1 at the ankle.
        hem: height of the top's lower edge above the hip joints; the trousers end at 0.13.
        collar: height of the neckline above the collar bone.
        neck_depth: how much deeper it is cut in front.
        shoe: height of the shoe above the ankle, None for bare feet.
        hair: 0 bald, 1 short, 2 to the neck, 3 a cap.
        hair_line: how far back the hair begins, 0..1.
        loose_top, loose_bottom, hair_m: distances from the skin.
    """

    sleeve: float = 0.3
    leg: float = 0.96
    hem: float = 0.06
    collar: float = 0.0
    neck_depth: float = 0.03
    shoe: float | None = 0.05
    hair: int = 1
    hair_line: float = 0.3
    loose_top: float = 0.012
    loose_bottom: float = 0.012
    hair_m: float = 0.015


class Wardrobe:
    """Knows every vertex's place on the body and cuts outfits from it.

    Args:
        body: the body model whose vertices are dressed.

    Attributes:
        face: (V, 3) fixed features: eye (0 none, else 0..1 towards the pupil), lips, eyebrows (positive inside).
        rest_m: (V, 3) the mean body, the coordinates patterns are laid in.
    """

    def __init__(self, body: BodyModel) -> None:
        self.rest_m = body.rest_vertices_m
        heads = {label: body.rest_heads_m[index] for index, label in enumerate(body.labels)}
        part = body.part
        self._on_arm, self._on_leg = np.isin(part, ARM_PARTS), np.isin(part, LEG_PARTS)
        self._on_foot = np.isin(part, (18, 22))
        self._on_head, self._on_neck = part == HEAD_PART, part == NECK_PART
        self._arm_length, self._along_arm = self._along(heads, ("upperarm01", "lowerarm01", "wrist"), self._on_arm)
        self._leg_length, self._along_leg = self._along(heads, ("upperleg01", "lowerleg01", "foot"), self._on_leg)
        self._hip_z = float(heads["upperleg01.L"][2])
        self._neck_z = float(heads["neck01"][2])
        self._ankle_z = float(heads["foot.L"][2])
        skull = self.rest_m[self._on_head]
        low, high = skull.min(axis=0), skull.max(axis=0)
        self._head_unit = (self.rest_m - low) / (high - low)
        self.face = self._features(body, heads)

    def _along(
        self, heads: dict[str, NDArray[np.float64]], bones: tuple[str, str, str], mask: NDArray[np.bool_]
    ) -> tuple[float, NDArray[np.float64]]:
        """Return the limb's length and (V,) each vertex's distance along it, metres from shoulder or hip."""
        out = np.zeros(len(self.rest_m))
        length = 0.0
        for side, sign in (("L", 1.0), ("R", -1.0)):
            a, b, c = (heads[f"{bone}.{side}"] for bone in bones)
            first, second = float(np.linalg.norm(b - a)), float(np.linalg.norm(c - b))
            length = first + second
            here = mask & (self.rest_m[:, 0] * sign > 0)
            points = self.rest_m[here]
            upper = (points - a) @ (b - a) / first
            lower = (points - b) @ (c - b) / second
            middle = (b - a) / first + (c - b) / second
            out[here] = np.where((points - b) @ middle < 0, upper, first + lower)
        return length, out

    def _features(self, body: BodyModel, heads: dict[str, NDArray[np.float64]]) -> FloatArray:
        out = np.zeros((len(self.rest_m), 3), np.float32)
        stems = np.array([label.partition(".")[0] for label in body.labels])[body.main_bone]
        eyes = stems == "eye"
        for sign in (1.0, -1.0):
            one = eyes & (self.rest_m[:, 0] * sign > 0)
            if one.any():
                y = self.rest_m[one, 1]
                out[one, 0] = 0.03 + 0.97 * (y.max() - y) / (y.max() - y.min()) ** 1.0
        mouth = np.isin(stems, ("oris01", "oris02", "oris03", "oris04", "oris05", "oris06", "oris07"))
        out[:, 1] = mouth
        out[:, 2] = -1.0
        for sign in (1.0, -1.0):
            eye = heads["eye.L" if sign > 0 else "eye.R"]
            across = np.abs(self.rest_m[:, 0] - eye[0]) / 0.024
            above = np.abs(self.rest_m[:, 2] - eye[2] - 0.021 + 0.004 * across**2) / 0.0045
            here = self._on_head & (self.rest_m[:, 1] < eye[1]) & ~eyes
            out[here, 2] = np.maximum(out[here, 2], 1.0 - np.maximum(across, above)[here])
        return out

    def fields(self, cut: Cut) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the (V, 4) fields, the (V,) stand-off and the (V,) softness of a cut."""
        x, y, z = self.rest_m.T.astype(np.float64)
        torso = ~(self._on_arm | self._on_leg | self._on_head)
        front = np.clip(1.0 - np.abs(x) / 0.09, 0, 1) * (y < 0)
        neck_line = self._neck_z - 0.035 + cut.collar - cut.neck_depth * front
        # Where the limb's field takes over from the trunk's, both are well inside.
        top = np.where(self._on_arm, cut.sleeve * self._arm_length - self._along_arm, neck_line - z)
        hem_z = self._hip_z + cut.hem
        top = np.where(self._on_arm, top, np.minimum(top, z - hem_z))
        top = np.where(self._on_leg, np.minimum(top, 0.04), top)
        top = np.where(self._on_head, -0.1, top)
        waist = self._hip_z + 0.13
        bottom = np.where(self._on_leg, cut.leg * self._leg_length - self._along_leg, waist - z)
        bottom = np.where(self._on_arm | self._on_head | self._on_neck, -0.1, bottom)
        bottom = np.where(self._on_foot & (cut.leg < 1.0), -0.02 + np.minimum(bottom, 0.0), bottom)
        shoe = np.full(len(z), -0.1)
        if cut.shoe is not None:
            shoe = np.where(self._on_leg, self._ankle_z + cut.shoe - z, -0.1)
        hair = self._hair(cut)
        loose_top = _ease(top) * cut.loose_top
        flare = 0.45 + 0.55 * np.clip(self._along_leg / self._leg_length, 0, 1)
        loose_bottom = _ease(bottom) * cut.loose_bottom * np.where(self._on_leg, flare, 0.5)
        if cut.loose_bottom > 0.004:
            crotch = np.exp(-((x / 0.05) ** 2) - ((z - self._hip_z + 0.09) / 0.07) ** 2) * (torso | self._on_leg)
            loose_bottom += 0.012 * crotch * (bottom > 0)
        stand_off = np.maximum.reduce([
            loose_top, loose_bottom, _ease(shoe) * np.where(self._on_foot, 0.016, 0.008), np.where(hair > 0,
            _ease(hair) * cut.hair_m, 0.0)
        ])  # fmt: skip
        layers = np.stack([top, bottom, shoe, hair], axis=1)
        softness = np.maximum.reduce([
            0.85 * _ease(top) * min(cut.loose_top / 0.012, 1.0), 0.85 * _ease(bottom) * min(cut.loose_bottom / 0.012,
            1.0),
            1.0 * (shoe > 0.0) * self._on_foot,
        ])  # fmt: skip
        return layers.astype(np.float32), stand_off.astype(np.float32), softness.astype(np.float32)

    def _hair(self, cut: Cut) -> NDArray[np.float64]:
        if cut.hair == 0:
            return np.full(len(self.rest_m), -0.1)
        _, back, up = self._head_unit.T.astype(np.float64)
        if cut.hair == 3:
            return np.where(self._on_head, 0.22 * (up - 0.68 - 0.08 * (0.5 - back)), -0.1)
        crown = 2.6 * up - 1.85 - 0.25 * cut.hair_line
        nape = 1.6 * back - 0.72 - 0.15 * cut.hair_line + 0.35 * np.clip(up - 0.3, 0, 1)
        short = np.where(up < 0.28, up - 0.28, 1.0) if cut.hair == 1 else np.ones_like(up)
        hair = np.where(self._on_head, 0.12 * np.minimum(np.maximum(crown, nape), short), -0.1)
        if cut.hair == 2:
            behind = self.rest_m[:, 1] - float(np.median(self.rest_m[self._on_neck, 1]))
            hair = np.where(self._on_neck, behind + 0.005, hair)
        return np.asarray(hair)

    def draw(
        self, random: np.random.Generator, tight: bool = False, longest_skirt: float = 0.0,
        printed: NDArray[np.uint8] | None = None,
    ) -> Dress:  # fmt: skip
        """Draw an outfit.

        Args:
            random: source of all draws.
            tight: one that hides nothing of the body's shape.
            longest_skirt: see ``skirt.longest``; 0 for none.
            printed: a piece of a photograph for the cloth, (n, n, 3) RGB.
        """
        skin = np.clip(SKIN_TONES[int(random.integers(len(SKIN_TONES)))] * random.uniform(0.9, 1.08), 0, 1)
        tight = random.random() < 0.3 or tight
        looseness = (0.003, 0.003) if tight else tuple(random.uniform(0.006, 0.026, 2))
        sleeve = random.choice([-0.05, 0.22, 0.38, 0.6, 0.97], p=[0.1, 0.2, 0.25, 0.1, 0.35])
        leg = random.choice([0.2, 0.42, 0.55, 0.97], p=[0.12, 0.2, 0.1, 0.58])
        cut = Cut(
            sleeve=float(sleeve + random.normal(0, 0.025)), leg=float(min(leg + random.normal(0, 0.03), 0.98)),
            hem=float(random.choice([0.13, 0.08, 0.04], p=[0.3, 0.4, 0.3]) + random.normal(0, 0.012)),
            collar=float(random.choice([-0.015, 0.0, 0.03])), neck_depth=float(random.uniform(0.0, 0.07)),
            shoe=None if random.random() < 0.1 else float(random.choice([0.02, 0.05, 0.13], p=[0.4, 0.45, 0.15])),
            hair=int(random.choice(4, p=[0.07, 0.5, 0.35, 0.08])), hair_line=float(random.uniform(0, 1)),
            loose_top=looseness[0], loose_bottom=looseness[1], hair_m=float(random.uniform(0.006, 0.03)),
        )  # fmt: skip
        hanging = skirt.draw(random, longest_skirt)
        if hanging is not None and not hanging.open_rad:
            # What is worn below is as short as decency allows, and of the same cloth: a knee may show through.
            cut = replace(cut, leg=hanging.length - LINING, loose_bottom=0.004, hem=0.13)
        layers, stand_off, softness = self.fields(cut)
        top, bottom = self._cloth(random, skin, 0.42, 0.5), self._cloth(random, skin, 0.7, 0.78)
        if printed is not None:
            garment = random.random()
            top = top if garment > 0.8 else replace(top, pattern=PRINT)
            bottom = bottom if garment < 0.6 else replace(bottom, pattern=PRINT)
        if random.random() < 0.12 or (hanging is not None and not hanging.open_rad and hanging.cloth == 0):
            bottom = top
        hair = HAIR_TONES[int(random.integers(len(HAIR_TONES)))] * random.uniform(0.7, 1.2)
        return Dress(
            layers, stand_off, softness, top, bottom,
            skin=skin, lips=np.clip(skin * [0.92, 0.62, 0.62], 0, 1),
            hair=colour(random, skin) if cut.hair == 3 else np.clip(hair, 0, 1),
            iris=np.array([0.1, 0.07, 0.05]), shoe=colour(random, skin, muted=0.85),
            crumple=float(random.uniform(0.05, 0.2) if tight else random.uniform(0.2, 0.7)),
            gloss=float(random.uniform(0.0, 0.25)), skirt=hanging, printed=printed,
        )  # fmt: skip

    def _cloth(self, random: np.random.Generator, skin: Colour, muted: float, plain: float) -> Cloth:
        patterns = np.array([0.12, 0.08, 0.08, 0.09, 0.05, 0.05, 0.07])
        share = [plain, *((1.0 - plain) * patterns / patterns.sum())]
        pattern = int(random.choice(PATTERNS, p=share))
        form = (
            float(random.uniform(60, 240)), float(random.uniform(0, 6.3)), float(random.uniform(-0.4, 0.6)),
            float(random.uniform(0.25, 0.42)),
        )  # fmt: skip
        return Cloth(colour(random, skin, muted), colour(random, skin, muted), pattern, form)


def colour(random: np.random.Generator, skin: Colour, muted: float = 0.42) -> Colour:
    """Draw a colour that cannot be taken for the skin: people must look dressed.

    Args:
        random: source of all draws.
        skin: colour to keep away from.
        muted: how often it is black, grey, white, navy or denim, which is most of what people wear.
    """
    drawn = np.zeros(3)
    for _ in range(8):
        if random.random() < muted:
            if random.random() < 0.3:
                drawn = np.array(
                    colorsys.hsv_to_rgb(
                        random.normal(0.61, 0.02), random.uniform(0.25, 0.65), random.uniform(0.15, 0.6)
                    )
                )
            else:
                drawn = np.clip(random.choice([0.05, 0.09, 0.16, 0.35, 0.6, 0.9]) + random.normal(0, 0.025, 3), 0, 1)
        else:
            hue = random.normal(random.choice([0.0, 0.6]), 0.05) % 1.0 if random.random() < 0.45 else random.random()
            vivid = random.uniform(0.6, 0.95) if random.random() < 0.25 else random.uniform(0.1, 0.6)
            drawn = np.array(colorsys.hsv_to_rgb(hue, vivid, random.uniform(0.2, 0.95)))
        brown = drawn[0] > drawn[1] > drawn[2] and drawn[0] - drawn[2] > 0.12
        if not brown and np.abs(drawn - skin).max() > 0.22:
            break
    return drawn


def _ease(inside_m: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.clip(inside_m / 0.03 + 0.35, 0.0, 1.0)
    return np.where(inside_m > -0.01, t * t * (3 - 2 * t), 0.0)
