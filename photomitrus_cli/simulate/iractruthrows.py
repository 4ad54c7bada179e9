"""The truth of simulated IRAC frames, frame by frame: columns of the tables as they grow."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracframe import Frame
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.truthtables import About, Columns

# Unit and description of the columns.
DETECTION_COLUMNS: About = {
    "source": (None, "id in truth_sources"),
    "aorkey": (None, "AORKEY of the frame"),
    "expid": (None, "EXPID of the frame"),
    "dcenum": (None, "DCENUM of the frame"),
    "file": (None, "frame, relative to the output folder"),
    "x": ("pix", "true position, 0-based, integers at pixel centres"),
    "y": ("pix", "true position, 0-based, integers at pixel centres"),
    "r_al": (None, "array-location response applied (1: none)"),
    "r_pp": (None, "pixel-phase response applied (1: none)"),
    "pixel_area": ("arcsec2", "solid angle of the pixel at that position"),
    "saturated": (None, "a pixel of the central 3 x 3 fills the well"),
}
FRAME_COLUMNS: About = {
    "file": (None, "frame, relative to the output folder"),
    "aorkey": (None, "AORKEY"),
    "expid": (None, "EXPID"),
    "dcenum": (None, "DCENUM"),
    "channel": (None, "IRAC channel"),
    "readmode": (None, "full or sub"),
    "mjd": ("d", "start of the frame, UTC"),
    "framtime": ("s", "integration of the whole array"),
    "exptime": ("s", "effective integration per pixel"),
    "roll": ("deg", "position angle of the second axis, east of north"),
    "background": ("MJy / sr", "mean level under the sources, offsets included"),
    "offset": ("MJy / sr", "random offset of the frame"),
    "first_frame_offset": ("MJy / sr", "first-frame effect: offset (subarray: in the first plane)"),
    "first_frame_ramp": ("MJy / sr", "first-frame effect: top less bottom of the array"),
    "dra_cosdec": ("arcsec", "pointing error, header less truth"),
    "ddec": ("arcsec", "pointing error, header less truth"),
    "ra_true": ("deg", "true right ascension at CRPIX"),
    "dec_true": ("deg", "true declination at CRPIX"),
    "cosmic_ray_pixels": (None, "pixels with a cosmic-ray deposit above their own noise"),
    "cosmic_ray_flagged": (None, "fraction of them that the masks flag"),
}
RAY_COLUMNS: About = {
    "aorkey": (None, "AORKEY"),
    "expid": (None, "EXPID"),
    "dcenum": (None, "DCENUM"),
    "hit": (None, "number of the hit in its frame"),
    "x": ("pix", "0-based column"),
    "y": ("pix", "0-based row"),
    "signal": ("MJy / sr", "deposit of all hits"),
    "significance": (None, "deposit over the true sigma of the pixel"),
    "length": ("pix", "path length of the hit on the array"),
    "flagged": (None, "flagged in imask and rmask"),
    "plane": (None, "plane of a subarray exposure, from 0; 0 for frames"),
}
PLANE_COLUMNS: About = {
    "aorkey": (None, "AORKEY"),
    "expid": (None, "EXPID"),
    "dcenum": (None, "DCENUM"),
    "plane": (None, "plane of the exposure, from 0"),
    "dx": ("pix", "how far the stars are from their mean place in truth_detections"),
    "dy": ("pix", "how far the stars are from their mean place in truth_detections"),
}


@dataclass
class TruthRows:
    """Columns of the per-frame truth tables as they grow, one entry per frame."""

    detections: list[Columns] = field(default_factory=list)
    frames: list[dict[str, object]] = field(default_factory=list)
    rays: list[Columns] = field(default_factory=list)
    planes: list[Columns] = field(default_factory=list)

    def add(self, config: IracSimulation, plan: FramePlan, frame: Frame, name: str) -> None:
        """Append the truth of one frame.

        Parameters
        ----------
        config : IracSimulation
        plan : FramePlan
        frame : Frame
        name : str
            The frame's file, relative to the output folder.
        """
        keys = {"aorkey": plan.aorkey, "expid": plan.expid, "dcenum": plan.dcenum}
        found = frame.detections
        self.detections.append(
            {
                "source": found.source,
                **{key: np.full(found.x.size, value) for key, value in {**keys, "file": name}.items()},
                "x": found.x,
                "y": found.y,
                "r_al": found.r_al,
                "r_pp": found.r_pp,
                "pixel_area": found.area,
                "saturated": found.saturated,
            }
        )
        where = np.nonzero(frame.hit)
        y, x = where[-2:]
        plane = where[0] if frame.hit.ndim == 3 else np.zeros(x.size)
        owner = frame.rays.owner[where]
        flagged = frame.rmask[where] != 0
        self.rays.append(
            {
                **{key: np.full(x.size, value, dtype=np.int32) for key, value in keys.items()},
                "hit": owner.astype(np.int32),
                "x": x.astype(np.int16),
                "y": y.astype(np.int16),
                "signal": frame.ray_signal[where].astype(np.float32),
                "significance": (frame.ray_signal[where] / frame.ray_sigma[where]).astype(np.float32),
                "length": frame.rays.length_px[owner].astype(np.float32),
                "flagged": flagged,
                "plane": plane.astype(np.int16),
            }
        )
        self._add_planes(plan, keys)
        self.frames.append(_frame_row(config, plan, frame, name, flagged))

    def _add_planes(self, plan: FramePlan, keys: dict[str, int]) -> None:
        offsets = np.array(plan.plane_offsets_px)
        count = len(offsets)
        if count > 1:
            columns = {key: np.full(count, value) for key, value in keys.items()}
            self.planes.append(
                {**columns, "plane": np.arange(count), "dx": offsets[:, 0], "dy": offsets[:, 1]}
            )


def _frame_row(
    config: IracSimulation, plan: FramePlan, frame: Frame, name: str, flagged: NDArray[np.bool_]
) -> dict[str, object]:
    background = frame.background
    values = (
        name,
        plan.aorkey,
        plan.expid,
        plan.dcenum,
        config.channel,
        config.readmode,
        plan.mjd,
        plan.time.framtime_s,
        plan.time.exptime_s,
        plan.roll_deg,
        float(background.image.mean()),
        background.offset,
        background.first_frame_offset,
        background.first_frame_ramp,
        *plan.error_arcsec,
        *plan.wcs.crval_deg,
        flagged.size,
        float(flagged.mean()) if flagged.size else 1.0,
    )
    return dict(zip(FRAME_COLUMNS, values, strict=True))
