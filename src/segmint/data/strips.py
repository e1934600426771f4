"""Photographs of lateral-flow strips on a table, among things that are as white, as long or as pink and blue as they.

Paper, rulers, tubes and a pale table share the strip's white, print on the strip shares the colours of its lines. What
tells the strip apart is the order of its parts: arrows, membrane with lines, print, code.

Example:
    >>> draw = np.random.default_rng(62)
    >>> setting = Setting.draw(draw)
    >>> image, mask = draw_strip(draw, 384, 216, setting)  # again with the same setting: another frame of the scene
    >>> image.shape, mask.max()
    ((3, 384, 216), 3)
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmint.data.noise import Plane, rough_noise, smooth_noise

Color = tuple[float, float, float]

_TABLES = (
    (206, 207, 204),
    (188, 184, 176),
    (224, 221, 214),
    (26, 28, 34),
    (52, 48, 46),
    (150, 98, 60),
    (110, 124, 132),
)
"""White, grey and cream table tops, black and brown ones, wood, blue-grey."""
_WHITES = ((236, 235, 231), (226, 227, 230), (238, 232, 220), (214, 214, 212))
"""Plastic, paper and card."""
_LINE_COLORS = ((84, 126, 190), (196, 84, 124), (150, 70, 130))
_PRINTS = ((226, 120, 160), (96, 168, 214), (232, 150, 180))
_INK = (34, 34, 38)

_HEIGHT = 384
"""Picture height in the units in which everything is drawn."""
_TEXTURE = 320
"""Edge of a texture, one texel for two units."""
_STRIP, _WINDOW, _LINE = 1, 2, 3
_VISIBLE = 0.15
"""Strength from which a line is labelled."""


@dataclass(frozen=True)
class Setting:
    """What several photographs of one strip share: table, things on it, the strip and its lines, light, camera.

    Attributes:
        seed: Source of all of it.
    """

    seed: int

    @classmethod
    def draw(cls, draw: np.random.Generator) -> "Setting":
        """A setting by chance."""
        return cls(int(draw.integers(2**32)))


def draw_strip(
    draw: np.random.Generator, height: int, width: int, setting: Setting
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Take one photograph of a setting.

    Args:
        draw: Source of what differs between photographs: where the camera is held, exposure, blur, noise.
        height: Rows.
        width: Columns.
        setting: The scene.

    Returns:
        Image ``[3, H, W]`` of 0..255 and mask ``[H, W]``: 0 background, 1 strip, 2 read window, 3 visible line.
    """
    table = _Table(np.random.default_rng(setting.seed), *_hold_camera(draw, height, width))
    table.lay_top()
    table.lay_things()
    table.lay_strip()
    table.light()
    return _expose(draw, table.image), table.mask


def _hold_camera(draw: np.random.Generator, height: int, width: int) -> tuple[Plane, Plane, float]:
    """Where on the table each pixel looks, right and down of the middle of the scene, and the size of a pixel there."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    zoom = _HEIGHT / height * draw.uniform(0.94, 1.06)
    x, y = (x - width / 2) * zoom + draw.normal(0, 6), (y - height / 2) * zoom + draw.normal(0, 8)
    turn = draw.normal(0, 0.04)
    cos, sin = math.cos(turn), math.sin(turn)
    return x * cos - y * sin, x * sin + y * cos, zoom


class _Table:
    """A table under the brush; ``rng`` draws the same things in every photograph of a setting."""

    def __init__(self, rng: np.random.Generator, x: Plane, y: Plane, pixel: float) -> None:
        self.rng, self.x, self.y, self.pixel = rng, x, y, pixel
        self.image = np.zeros((3, *x.shape), np.float32)
        self.mask = np.zeros(x.shape, np.uint8)
        self.marks = rng.random((64, 64)) > 0.45
        angle = rng.uniform(0, 2 * np.pi)
        self.sun = math.cos(angle), math.sin(angle)

    def at(self, field: Plane, x: Plane, y: Plane) -> Plane:
        """A texture seen at points of the table."""
        row, col = (((value + _TEXTURE) / 2).astype(int).clip(0, _TEXTURE - 1) for value in (y, x))
        seen: Plane = field[row, col]
        return seen

    def turned(self, x: float, y: float, angle: float) -> tuple[Plane, Plane]:
        """Coordinates along and across a thing whose middle is at ``x``, ``y``."""
        dx, dy, cos, sin = self.x - float(x), self.y - float(y), math.cos(angle), math.sin(angle)
        return dx * cos + dy * sin, dy * cos - dx * sin

    def blend(self, color: Color | Plane, cover: Plane) -> None:
        """Lay a color of 0..255 over the image where ``cover`` (0..1) says so."""
        paint = np.asarray(color, np.float32)
        self.image += (paint.reshape(3, *(paint.shape[1:] or (1, 1))) - self.image) * cover

    def slab(self, u: Plane, v: Plane, half_long: float, half_wide: float, soft: float = 0.0) -> Plane:
        """Cover of a rectangle, its edges one pixel or ``soft`` units wide."""
        edge = max(self.pixel, soft)
        return np.clip((half_long - np.abs(u)) / edge + 0.5, 0, 1) * np.clip((half_wide - np.abs(v)) / edge + 0.5, 0, 1)

    def cast_shadow(self, u: Plane, v: Plane, half: tuple[float, float], angle: float, height: float) -> None:
        """Darken the table beside a rectangle that stands ``height`` units above it."""
        along = height * (self.sun[0] * math.cos(angle) + self.sun[1] * math.sin(angle))
        across = height * (self.sun[1] * math.cos(angle) - self.sun[0] * math.sin(angle))
        self.image *= 1 - 0.42 * self.slab(u - along, v - across, *half, soft=1.5 * height)

    def lay_top(self) -> None:
        """A table top of one kind, sometimes with the edge of another beyond it."""
        kinds = self.rng.choice(len(_TABLES), 2, replace=False, p=(0.22, 0.1, 0.12, 0.18, 0.1, 0.18, 0.1))
        edge = self.rng.uniform(60, 160) * self.rng.choice((-1, 1)) if self.rng.random() < 0.4 else 900
        along, _ = self.turned(edge, 0, self.rng.normal(0, 0.15))
        for kind, cover in zip(kinds, (1, along * np.sign(edge) > 0), strict=True):
            grain = rough_noise(self.rng, _TEXTURE, _TEXTURE, 20) - 0.5
            stretch = 0.08 if kind == 5 else 1.0
            shade = 1 + (0.5 if kind == 5 else 0.12) * self.at(grain, self.x, self.y * stretch)
            self.blend(np.array(_TABLES[kind])[:, None, None] * shade, np.broadcast_to(cover, self.x.shape))

    def lay_things(self) -> None:
        """Paper, card, ruler, tube, pen and coin, some of each scene."""
        for thing in self.rng.choice(6, self.rng.integers(2, 6), p=(0.22, 0.14, 0.2, 0.2, 0.12, 0.12)):
            side, angle = self.rng.choice((-1, 1)), self.rng.normal(0, 0.5)
            x, y = side * self.rng.uniform(45, 110), self.rng.uniform(-170, 170)
            white = _WHITES[self.rng.integers(len(_WHITES))]
            match thing:
                case 0:
                    self.lay_paper(x, y, angle, (self.rng.uniform(60, 130), self.rng.uniform(50, 90)), white)
                case 1:
                    self.lay_paper(x, y, angle, (self.rng.uniform(20, 45), self.rng.uniform(12, 25)), white)
                case 2:
                    self.lay_ruler(x, y, angle + np.pi / 2, white)
                case 3:
                    self.lay_tube(x, y, angle + np.pi / 2, (self.rng.uniform(30, 70), self.rng.uniform(6, 11)), white)
                case 4:
                    ink = self.rng.uniform(20, 220, 3)
                    self.lay_tube(x, y, angle + np.pi / 2, (self.rng.uniform(70, 110), 4.5), tuple(ink))
                case _:
                    self.lay_coin(x, y)

    def lay_paper(self, x: float, y: float, angle: float, half: tuple[float, float], color: Color) -> None:
        """A sheet or a card with lines of print, some of it in the colours of the strip's print."""
        u, v = self.turned(x, y, angle)
        self.cast_shadow(u, v, half, angle, 1.5)
        self.blend(color, self.slab(u, v, *half))
        size = self.rng.uniform(0.8, 1.6)
        ink = _PRINTS[self.rng.integers(3)] if self.rng.random() < 0.3 else _INK
        inside = self.slab(u, v, 0.8 * half[0], 0.7 * half[1])
        self.blend(ink, 0.75 * inside * self.print(u, v, size, 2.2 * size) * (v // (4.4 * size) % 2 == 0))

    def print(self, u: Plane, v: Plane, wide: float, high: float) -> NDArray[np.bool_]:
        """Blocks of ink by chance, ``wide`` by ``high``."""
        ink: NDArray[np.bool_] = self.marks[(v // high).astype(int) % 64, (u // wide).astype(int) % 64]
        return ink

    def lay_ruler(self, x: float, y: float, angle: float, color: Color) -> None:
        """As long, narrow and pale as a strip, with ticks."""
        half = (self.rng.uniform(90, 190), self.rng.uniform(7, 12))
        u, v = self.turned(x, y, angle)
        self.cast_shadow(u, v, half, angle, 2)
        cover = self.slab(u, v, *half)
        self.blend(np.array(color) * self.rng.uniform(0.85, 1), cover)
        long = np.where(u // 4 % 5 == 0, 0.9, 0.45) * half[1]
        self.blend(_INK, 0.8 * cover * (u % 4 < 1.1) * (v + half[1] < long))

    def lay_tube(self, x: float, y: float, angle: float, half: tuple[float, float], color: Color) -> None:
        """A round tube with a cap of another shade."""
        u, v = self.turned(x, y, angle)
        self.cast_shadow(u, v, half, angle, half[1])
        shade = 0.72 + 0.34 * np.sqrt(np.clip(1 - (v / half[1] + 0.25) ** 2, 0, 1))
        self.blend(np.reshape(color, (3, 1, 1)) * shade, self.slab(u, v, *half))
        cap = self.slab(u - 0.8 * half[0], v, 0.22 * half[0], 1.15 * half[1])
        self.blend(np.reshape(color, (3, 1, 1)) * shade * self.rng.uniform(0.6, 1), cap)

    def lay_coin(self, x: float, y: float) -> None:
        """A disc with a rim."""
        radius = self.rng.uniform(13, 20)
        away = np.hypot(self.x - x, self.y - y)
        self.image *= 1 - 0.4 * np.clip((radius + 3 - away) / 5, 0, 1)
        metal = np.array(((196, 176, 120), (186, 188, 190), (176, 124, 84))[self.rng.integers(3)])
        relief = 0.75 + 0.3 * self.at(smooth_noise(self.rng, _TEXTURE, _TEXTURE, 3), self.x, self.y)
        shade = np.where(away > radius - 2.5, 1.1, relief)
        self.blend(metal[:, None, None] * shade, np.clip((radius - away) / self.pixel + 0.5, 0, 1))

    def lay_strip(self) -> None:
        """The strip, from its arrows over the membrane and the print to its code; ``t`` runs along it from 0 to 1."""
        half = (self.rng.uniform(115, 155), self.rng.uniform(7, 10))
        angle = self.rng.choice((-1, 1)) * np.pi / 2 + self.rng.normal(0, 0.22)
        u, v = self.turned(self.rng.normal(0, 28), self.rng.normal(0, 20), angle)
        self.cast_shadow(u, v, half, angle, self.rng.uniform(1, 3))
        body = self.slab(u, v, *half)
        self.mask[body >= 0.5] = _STRIP
        t, across = u / half[0] / 2 + 0.5, v / half[1]
        self.blend(np.array(_WHITES[self.rng.integers(len(_WHITES))]) * self.rng.uniform(0.94, 1.04), body)
        self.print_panels(t, u, across, v, body)
        self.lay_membrane(t, u, v, half, body)

    def print_panels(self, t: Plane, u: Plane, across: Plane, v: Plane, body: Plane) -> None:
        """What is printed on the plastic around the membrane."""
        head = np.clip((0.20 - t) / 0.05, 0, 1)
        for lane in (-0.5, 0.0, 0.5):
            shaft = np.abs(across - lane) < np.where(t < 0.10, 0.22 * np.clip((t - 0.06) / 0.04, 0, 1), 0.08)
            self.blend(_INK, 0.9 * body * shaft * (t > 0.06) * head)
        self.blend((150, 148, 146), 0.6 * body * (t < 0.04))
        for place, color in zip((0.50, 0.55, 0.60), _PRINTS, strict=True):
            band = np.abs(t - place) < 0.019
            self.blend(color, 0.8 * body * band * (self.print(u, v, 1.7, 2.2) | (np.abs(across) > 0.8)))
        if self.rng.random() < 0.3:
            self.blend(tuple(self.rng.uniform(60, 210, 3)), 0.85 * body * (t > 0.70))
            self.blend((240, 240, 240), 0.9 * body * (t > 0.76) * (np.abs(across) < 0.5) * self.print(u, v, 2.2, 9))
        else:
            code = (np.abs(t - 0.77) < 0.06) & (np.abs(across) < 0.9)
            self.blend(_INK, 0.95 * body * code * self.print(u, v, 3.4, 3.4))
            self.blend(_INK, 0.8 * body * (t > 0.86) * (t < 0.97) * (across % 1 < 0.6) * self.print(u, v, 2.2, 9))

    def lay_membrane(self, t: Plane, u: Plane, v: Plane, half: tuple[float, float], body: Plane) -> None:
        """The read window with its lines: always the control, in two scenes of three a test line, often faint."""
        middle, reach = 0.315, 0.075
        along = u - (2 * middle - 1) * half[0]
        window = self.slab(along, v, 2 * reach * half[0], 0.94 * half[1]) * body
        self.mask[window >= 0.5] = _WINDOW
        self.blend(np.array((232, 230, 224)) * self.rng.uniform(0.95, 1.03), window)
        self.blend((150, 146, 150), 0.5 * body * self.slab(np.abs(along) - 2 * reach * half[0] - 1, v, 0.8, half[1]))
        self.blend((214, 160, 184), 0.16 * window * np.clip(along / half[0] / reach / 2 + 0.2, 0, 1))
        control, test = self.rng.choice(3, 2)
        strengths = self.rng.uniform(0.45, 0.9), max(0.0, self.rng.uniform(-0.35, 0.75))
        for place, color, strength in zip((-0.45, 0.35), (control, test), strengths, strict=True):
            line = self.slab(along - place * 2 * reach * half[0], v, self.rng.uniform(1.0, 1.5), 0.9 * half[1]) * window
            self.blend(_LINE_COLORS[color], strength * line)
            if strength >= _VISIBLE:
                self.mask[line >= 0.5] = _LINE

    def light(self) -> None:
        """Lamps: a gradient, the photographer's soft shadow, a highlight, a tint."""
        ramp = (self.x * self.sun[0] + self.y * self.sun[1]) / _HEIGHT
        light = self.rng.uniform(0.8, 1.02) - self.rng.uniform(0.1, 0.4) * ramp
        edge, _ = self.turned(self.rng.normal(0, 90), self.rng.normal(0, 90), self.rng.uniform(0, 2 * np.pi))
        light = light * (1 - self.rng.uniform(0, 0.4) * np.clip(edge / self.rng.uniform(20, 90) + 0.5, 0, 1))
        tint = self.rng.normal(1, 0.035, 3).astype(np.float32)[:, None, None]
        glare = np.exp(-((self.x - self.rng.normal(0, 90)) ** 2 + (self.y - self.rng.normal(0, 120)) ** 2) / 60**2)
        self.image = self.image * light * tint + 30 * self.rng.random() * glare


def _expose(draw: np.random.Generator, image: Plane) -> NDArray[np.uint8]:
    """The camera's exposure, blur and noise."""
    _, height, width = image.shape
    side = draw.uniform(0, 0.3)
    for axis in (1, 2):
        padded = np.pad(image, [(0, 0), *((1, 1) if axis == other else (0, 0) for other in (1, 2))], mode="edge")
        before, after = np.delete(padded, [-1, -2], axis), np.delete(padded, [0, 1], axis)
        image = image * (1 - 2 * side) + (before + after) * side
    grain = draw.normal(0, draw.uniform(1.5, 5), image.shape) + draw.normal(0, 2, (height, width))
    return np.clip(image * draw.uniform(0.92, 1.08) + grain, 0, 255).astype(np.uint8)
