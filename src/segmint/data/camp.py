"""A drawn camp seen from above: shelters in rows, and around them clutter of the very same colours.

Shelters have straight edges and cast a shadow; gravel, puddles, roads, rags and rocks have neither. A classifier that
sees one pixel at a time cannot tell them apart, a network that sees shape and shadow can.

Every value comes from a seeded generator through ``+ - * /`` alone, which every platform rounds alike.

Example:
    >>> image, label = draw_camp(np.random.default_rng(62), 512, 1024)
    >>> image.shape, label.shape
    ((3, 512, 1024), (512, 1024))
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SOILS = ((198, 172, 130), (176, 124, 90), (150, 134, 112), (146, 142, 96))
"""Red, green and blue of sand, red earth, silt and dry grass."""
_MATERIALS = ((226, 222, 212), (204, 184, 148), (160, 158, 152), (84, 118, 166), (184, 190, 194), (164, 134, 100))
"""White sheet, beige canvas, grey felt, blue tarpaulin, tin, mud: of shelters and of clutter alike."""

_SETTLED = 0.62
"""How settled ground (0..1.3) must be to carry shelters; sets their share of the area to about a fifth."""

Plane = NDArray[np.floating[Any]]
"""``[H, W]``."""


def draw_camp(draw: np.random.Generator, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one camp.

    Args:
        draw: Source of all randomness.
        height: Rows.
        width: Columns.

    Returns:
        Image ``[3, H, W]`` of 0..255 and label ``[H, W]``, 1 on shelters.
    """
    camp = _Camp(draw, height, width)
    camp.lay_ground()
    camp.lay_patches()
    camp.lay_roads()
    camp.scatter_litter()
    camp.pitch_shelters()
    return camp.photograph(), camp.label


@dataclass(frozen=True)
class _Direction:
    """Unit vector (cosine, sine), from the tangent of half its angle so that no library function rounds it."""

    cos: float
    sin: float

    @classmethod
    def draw(cls, draw: np.random.Generator) -> "_Direction":
        half = draw.uniform(-1, 1)
        side = int(draw.choice((-1, 1)))
        return cls(side * (1 - half * half) / (1 + half * half), side * 2 * half / (1 + half * half))

    def along(self, x: Plane, y: Plane) -> Plane:
        return x * self.cos + y * self.sin

    def across(self, x: Plane, y: Plane) -> Plane:
        return y * self.cos - x * self.sin


class _Camp:
    """A scene under the brush; ``image`` is ``[3, H, W]`` in 0..255 before light and noise."""

    def __init__(self, draw: np.random.Generator, height: int, width: int) -> None:
        self.rng, self.height, self.width = draw, height, width
        self.image = np.empty((3, height, width), np.float32)
        self.label = np.zeros((height, width), np.uint8)
        self.rows = _Direction.draw(draw)
        self.sun = _Direction.draw(draw)
        self.settled = self.noise(180) + 0.3 * self.noise(40)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        self.along, self.across = self.rows.along(x, y), self.rows.across(x, y)
        weights = self.rng.uniform(0.4, 1.0, len(_MATERIALS))
        self.shares = weights / sum(weights.tolist())

    def noise(self, cell: int) -> Plane:
        """Smooth noise in 0..1: random values on a lattice of ``cell`` pixels, joined by cubic steps."""
        lattice = self.rng.random((self.height // cell + 2, self.width // cell + 2), np.float32)
        row, down = _lattice_steps(self.height, cell)
        col, right = _lattice_steps(self.width, cell)
        columns = lattice[row] * (1 - down[:, None]) + lattice[row + 1] * down[:, None]
        return columns[:, col] * (1 - right) + columns[:, col + 1] * right

    def blend(self, color: NDArray[np.floating[Any]], cover: Plane, window: tuple[slice, slice] | None = None) -> None:
        """Lay a color ``[3, ...]`` over the image where ``cover`` (0..1) says so."""
        part = self.image[:, *(window or (slice(None), slice(None)))]
        part += (color - part) * cover

    def material(self) -> NDArray[np.floating[Any]]:
        """A material's color ``[3, 1, 1]``, a little lighter or darker from piece to piece."""
        chosen = _MATERIALS[int(self.rng.choice(len(_MATERIALS), p=self.shares))]
        return np.array(chosen, np.float32)[:, None, None] * self.rng.uniform(0.9, 1.08)

    def lay_ground(self) -> None:
        """Soil of two kinds, mottled at four scales."""
        first, second = self.rng.choice(len(_SOILS), 2, replace=False)
        mixture = np.clip(2 * self.noise(150) - 0.7 + 0.4 * self.noise(30), 0, 1)
        soil = np.array(_SOILS, np.float32)[:, :, None, None]
        mottle = 0.78 + 0.16 * self.noise(64) + 0.14 * self.noise(16) + 0.14 * self.noise(5)
        self.image[:] = (soil[first] + (soil[second] - soil[first]) * mixture) * mottle

    def lay_patches(self) -> None:
        """Ragged patches of every shelter material without edge or shadow: gravel, lime, slag, puddles."""
        open_ground = np.clip(1.6 - 2.0 * self.settled, -0.3, 0.3)
        frayed, gravel = 0.2 * self.noise(6), 0.22 * self.noise(3)
        for color in _MATERIALS:
            outline = self.noise(56) + 0.45 * self.noise(17) + frayed + 0.4 * open_ground
            shade = 0.70 + 0.34 * self.noise(24) + gravel
            self.blend(np.array(color, np.float32)[:, None, None] * shade, np.clip((outline - 1.12) * 6, 0, 1))

    def lay_roads(self) -> None:
        """Two roads along the rows and one across, of grey or beige, winding a little and fading at the edges."""
        for line, count in ((self.across, 2), (self.along, 1)):
            low, high = float(line.min()) + 0.0, float(line.max()) + 0.0  # numpy refuses a range that ends in -0.0
            for _ in range(count):
                bend = line + 26 * self.noise(120) - 13
                distance = np.abs(bend - self.rng.uniform(low + 0.2 * (high - low), high - 0.2 * (high - low)))
                cover = np.clip((self.rng.uniform(5, 10) + 5 * self.noise(9) - distance) / 5, 0, 0.9)
                color = np.array(_MATERIALS[int(self.rng.choice((1, 2, 4)))], np.float32)[:, None, None]
                self.blend(color * (0.76 + 0.28 * self.noise(7)), cover)
                self.settled -= np.clip(3 - distance / 6, 0, 2)

    def scatter_litter(self) -> None:
        """Rocks, rags and washing lines, much smaller than a shelter and flat on the ground."""
        area = self.height * self.width
        for count, longest, widest in ((area // 900, 2, 2), (area // 1500, 4, 3), (area // 2500, 12, 1)):
            for _ in range(count):
                direction = _Direction.draw(self.rng)
                long, wide = self.rng.uniform(0.5, 1) * longest, self.rng.uniform(0.6, 1) * widest
                window, x, y = self.window(self.rng.uniform(0, self.width), self.rng.uniform(0, self.height), 16)
                ring = (direction.along(x, y) / long) ** 2 + (direction.across(x, y) / wide) ** 2
                self.blend(self.material(), np.clip(1.5 - ring, 0, 1), window)

    def pitch_shelters(self) -> None:
        """Rows of shelters in pairs with a path behind each pair, where the ground is settled."""
        step_along, step_across = self.rng.uniform(25, 30), self.rng.uniform(19, 23)
        path = self.rng.uniform(9, 15)
        line, last_line = float(self.across.min()), float(self.across.max())
        first_place, last_place = float(self.along.min()), float(self.along.max())
        number = 0
        while line < last_line:
            place = first_place + self.rng.uniform(0, step_along)
            while place < last_place:
                along, across = place + self.rng.uniform(-1.5, 1.5), line + self.rng.uniform(-1, 1)
                x = along * self.rows.cos - across * self.rows.sin
                y = along * self.rows.sin + across * self.rows.cos
                inside = 0 <= x < self.width and 0 <= y < self.height
                if inside and self.settled[int(y), int(x)] > _SETTLED and self.rng.random() < 0.92:
                    self.pitch(x, y, step_along, step_across)
                place += step_along
            number += 1
            line += step_across + (path if number % 2 == 0 else 0)

    def pitch(self, x: float, y: float, step_along: float, step_across: float) -> None:
        """One shelter at column ``x`` and row ``y``: a shadow, then a tunnel, a ridge or a corrugated roof."""
        long = step_along * self.rng.uniform(0.36, 0.43)
        wide = step_across * self.rng.uniform(0.33, 0.40)
        tilt = self.rng.uniform(-0.06, 0.06)
        window, dx, dy = self.window(x, y, 30)
        shadow = self.rng.uniform(3, 4.5)
        u, v = self.rows.along(dx, dy), self.rows.across(dx, dy)
        u, v = u + tilt * v, v - tilt * u
        cover = _box(u, v, long, wide)
        shift_u = shadow * (self.sun.cos * self.rows.cos + self.sun.sin * self.rows.sin)
        shift_v = shadow * (self.sun.sin * self.rows.cos - self.sun.cos * self.rows.sin)
        for part in (0.5, 1.0):
            dark = _box(u - part * shift_u, v - part * shift_v, long, wide)
            self.image[:, *window] *= 1 - 0.45 * dark
        lit = 1 if shift_v < 0 else -1
        side = lit * v / wide
        kind = self.rng.integers(3)
        if kind == 0:
            shade = 1.04 + 0.14 * side - 0.16 * side * side
        elif kind == 1:
            shade = np.where(side > 0, 1.06, 0.82)
        else:
            shade = 0.94 + 0.08 * ((u + 100) % 4 > 2) + 0.04 * side
        self.blend(self.material() * shade, cover, window)
        self.label[window] = np.where(cover >= 0.5, 1, self.label[window])

    def window(self, x: float, y: float, reach: int) -> tuple[tuple[slice, slice], Plane, Plane]:
        """The part of the image within ``reach`` of a point, and its pixels' offsets from that point."""
        rows = slice(max(0, int(y) - reach), min(self.height, int(y) + reach + 1))
        cols = slice(max(0, int(x) - reach), min(self.width, int(x) + reach + 1))
        dy, dx = np.mgrid[rows, cols].astype(float)
        return (rows, cols), dx - x, dy - y

    def photograph(self) -> NDArray[np.uint8]:
        """Daylight of this scene and the camera's noise: what a chip stores."""
        light = self.rng.uniform(0.86, 1.06) * np.array([1.0, 1.0, self.rng.uniform(0.94, 1.04)])[:, None, None]
        noise = self.rng.integers(-5, 6, self.image.shape) + self.rng.integers(-5, 6, (self.height, self.width))
        return np.clip(self.image * light + noise, 0, 255).astype(np.uint8)


def _lattice_steps(length: int, cell: int) -> tuple[NDArray[np.intp], Plane]:
    position = np.arange(length) / cell
    index = position.astype(np.intp)
    part = (position - index).astype(np.float32)
    return index, part * part * (3 - 2 * part)


def _box(u: Plane, v: Plane, half_long: float, half_wide: float) -> Plane:
    """Cover (0..1) of a rectangle about the origin, smoothed over one pixel."""
    return np.clip(half_long + 0.5 - np.abs(u), 0, 1) * np.clip(half_wide + 0.5 - np.abs(v), 0, 1)
