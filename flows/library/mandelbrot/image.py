"""Draw the Mandelbrot set in rows of grey values, and put rows together as an image."""

from __future__ import annotations

WHITE = 255


def draw(rows: list[int], width: int, height: int, iterations: int) -> list[list[int]]:
    """Return the grey values, 0 to 255, of the rows with these numbers."""
    return [[_grey(column, row, width, height, iterations) for column in range(width)] for row in rows if row < height]


def _grey(column: int, row: int, width: int, height: int, iterations: int) -> int:
    point = complex(-2.2 + 3.2 * column / width, -1.2 + 2.4 * row / height)
    z = 0j
    for step in range(iterations):
        z = z * z + point
        if z.real * z.real + z.imag * z.imag > 4.0:
            return WHITE - step * WHITE // iterations
    return 0


def assemble(bands: list[list[list[int]]], width: int) -> str:
    """Return the bands as the text of a plain PGM image, which any viewer opens."""
    rows = [row for band in bands for row in band]
    lines = [" ".join(map(str, row)) for row in rows]
    return "\n".join(["P2", f"{width} {len(rows)}", str(WHITE), *lines, ""])
