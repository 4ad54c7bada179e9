"""Pictures of the demonstration for the README: ``python examples/pictures.py DEMO docs/pictures``.

DEMO is the folder that `make demo` filled. The pictures are those beside its products, made smaller.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from photomitrus_cli.io.healpixfile import read_partial_map
from photomitrus_cli.report.skymap import draw_columns

# Where the picture of each name is, and which part of it is shown, from the top.
COPIED = {
    "irac-mosaic": ("irac-mosaic/ch1_mosaic.png", 1.0),
    "prime-stack": ("J_Band/stack/coadd.*.C1.png", 1.0),
    "prime-positions": ("J_Band/stack/coadd.*.C1.positions.png", 1.0),
    # Gains and offsets: two of four panels.
    "wise-gains": ("wise-map/w3_calibration.png", 0.52),
}
WIDTH, COLOURS = 1000, 128


def shrink(source: Path, target: Path, part: float = 1.0) -> None:
    """Write a picture again, not wider than it is shown, with few colours."""
    from PIL import Image

    with Image.open(source) as opened:
        image = opened.convert("RGB").crop((0, 0, opened.width, round(part * opened.height)))
    image.thumbnail((WIDTH, image.height), Image.Resampling.LANCZOS)
    palette = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(target, "PNG", optimize=True)


def main(demo: Path, out: Path) -> None:
    """Write all pictures."""
    out.mkdir(parents=True, exist_ok=True)
    for name, (place, part) in COPIED.items():
        (source,) = demo.glob(place)
        shrink(source, out / f"{name}.png", part)
    sky = read_partial_map(demo / "wise-map" / "w3_fullsky.fits")
    with tempfile.TemporaryDirectory() as scratch:
        drawn = Path(scratch) / "map.png"
        draw_columns(drawn, sky, ("SKY", "ZODI"), title="WISE W3: sky without zodiacal light, zodiacal light")
        shrink(drawn, out / "wise-map.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
