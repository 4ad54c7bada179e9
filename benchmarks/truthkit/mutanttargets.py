"""Which modules are mutated, and which tests have to notice it."""

from __future__ import annotations

from collections.abc import Iterator

from truthkit.mutantkit import Target

KERNELS = "imaging kernels"
RESPONSES = "IRAC corrections"
BINNING = "WISE binning"
SOLVER = "calibration solver"

# For each module the files of tests, by folder (`_FOLDERS`) and name. Modules without a file of their own
# have those of the functions that use them. Tests on real frames are skipped without ASTROMAP_TEST_DATA.
_TESTS: dict[str, dict[str, str]] = {
    KERNELS: {
        "imaging/accumulate": "u/imaging_combine d/imaging_combine p/imaging_combine",
        "imaging/annulus": "python: d/imaging_aperture u/irac_measure",
        "imaging/badpixels": "python: u/badpixels",
        "imaging/binning": "u/prime_skykernels",
        "imaging/bitmasks": "u/imaging_spikes d/imaging_spikes",
        "imaging/blocks": "u/imaging_combine d/imaging_combine p/imaging_combine",
        "imaging/blot": "u/imaging_reject d/imaging_reject",
        "imaging/centroidfit": "python: d/imaging_centroidfit u/irac_measure",
        "imaging/celltable": "u/imaging_overlap d/imaging_overlap",
        "imaging/circle": "python: d/imaging_aperture u/irac_measure",
        "imaging/clip": "u/imaging_clip d/imaging_clip",
        "imaging/clipnear": "u/imaging_clipnear",
        "imaging/columnsums": "u/prime_skykernels",
        "imaging/cubic": "u/imaging_reject d/imaging_reject",
        "imaging/drizzle": "u/imaging_drizzle d/imaging_drizzle",
        "imaging/drizzlenoise": "u/imaging_drizzle_noise",
        "imaging/flagging": "u/imaging_reject d/imaging_reject",
        "imaging/flatfield": "u/badpixels u/prime_skykernels",
        "imaging/framenumbers": "d/imaging_localmodel",
        "imaging/lanczos": "u/imaging_resample d/imaging_resample",
        "imaging/laplacian": "python: d/imaging_overlap",
        "imaging/levelfit": "python: d/imaging_overlap u/imaging_overlap",
        "imaging/localmodel": "d/imaging_localmodel u/imaging_spikes",
        "imaging/look": "u/imaging_reject d/imaging_reject",
        "imaging/lookrows": "u/imaging_reject d/imaging_reject",
        "imaging/meshrows": "u/prime_skykernels",
        "imaging/nearest": "d/imaging_nearest",
        "imaging/nodes": "u/imaging_mapping d/imaging_mapping u/imaging_bounds",
        "imaging/objects": "u/imaging_objects d/imaging_objects",
        "imaging/overlap": "u/imaging_overlap d/imaging_overlap",
        "imaging/pattern": "u/imaging_pattern d/imaging_pattern",
        "imaging/peaks": "u/imaging_detect",
        "imaging/planes": "u/imaging_planes",
        "imaging/quadlanes": "u/imaging_drizzle d/imaging_drizzle",
        "imaging/quads": "u/imaging_drizzle d/imaging_drizzle",
        "imaging/rankclip": "u/imaging_rankclip",
        "imaging/reference": "u/imaging_reference d/imaging_reference",
        "imaging/repair": "u/imaging_resample d/imaging_resample",
        "imaging/selection": "u/imaging_selection",
        "imaging/settle": "u/imaging_clip d/imaging_clip u/imaging_clipnear",
        "imaging/shift": "u/imaging_reject d/imaging_reject",
        "imaging/sip": "d/imaging_skywcs",
        "imaging/sipinverse": "d/imaging_skywcs u/imaging_mapping d/imaging_mapping",
        "imaging/skylevel": "u/imaging_reject d/imaging_reject",
        "imaging/skyobjects": "u/prime_sky",
        "imaging/skyshrink": "u/imaging_skyshrink",
        "imaging/skystack": "u/skystack",
        "imaging/sorting": "python: u/imaging_sorting d/imaging_aperture",
        "imaging/spikes": "u/imaging_spikes d/imaging_spikes",
        "imaging/starpixels": "u/imaging_spikes d/imaging_spikes",
        "imaging/support": "u/imaging_resample d/imaging_resample",
    },
    RESPONSES: {
        "irac/aorflux": "u/irac_aorflux",
        "irac/apcorr": "u/irac_apcorr",
        "irac/choice": "u/irac_corrections",
        "irac/correct": "f/irac_correct_inputs cli/irac_correct",
        "irac/corrections": "u/irac_corrections",
        "irac/photflux": "u/irac_phottables",
        "irac/responses": "u/irac_corrections u/irac_apcorr r/irac_corrections",
        "irac/saturation": "u/irac_saturation",
    },
    BINNING: {
        "imaging/healbin": "u/imaging_healbin d/imaging_healbin u/imaging_bounds",
        "imaging/healcells": "u/imaging_healbin d/imaging_healbin u/imaging_bounds",
        "imaging/healnodes": "u/imaging_healbin d/imaging_healbin",
        "imaging/healoffsets": "python: u/imaging_healoffsets",
        "imaging/healpix": "python: d/imaging_healpix u/imaging_healoffsets",
        "imaging/healsums": "u/imaging_healbin d/imaging_healbin",
        "imaging/mergesums": "u/wise_merging d/wise_merging",
        "imaging/sinsip": "u/imaging_healbin d/imaging_healbin u/imaging_bounds",
        "wise/mapmerging": "u/wise_merging d/wise_merging",
        "wise/merging": "u/wise_merging d/wise_merging",
    },
    SOLVER: {
        "imaging/scancoarse": "d/joint_system",
        "imaging/scanmaps": "d/scanmaps d/joint_system",
        "imaging/scanoutliers": "d/scanmaps d/joint_system",
        "imaging/scansums": "d/joint_system",
        "wise/jointdesign": "u/wise_jointdesign u/wise_perscan d/joint_system t/joint_truth",
        "wise/jointerrors": "u/wise_jointerrors t/joint_truth",
        "wise/jointgains": "u/wise_jointgains t/joint_truth",
        "wise/jointgroups": "u/wise_jointdesign d/joint_system t/joint_truth",
        "wise/jointlinear": "d/joint_system t/joint_truth",
        "wise/jointpriors": "d/joint_system u/wise_jointsteps t/joint_truth",
        "wise/jointsky": "u/wise_jointsky t/joint_truth",
        "wise/jointskyinverse": "d/joint_system t/joint_truth",
        "wise/jointsolution": "u/wise_jointsteps t/joint_truth",
        "wise/jointsolve": "u/wise_jointstart t/joint_truth",
        "wise/jointstart": "u/wise_jointstart u/wise_perscan t/joint_truth",
        "wise/jointsteps": "u/wise_jointsteps t/joint_truth",
        "wise/jointstrengths": "u/wise_jointsteps t/joint_truth",
        "wise/jointsystem": "d/joint_system t/joint_truth",
        "wise/jointunknowns": "u/wise_jointdesign d/joint_system",
        "wise/perscan": "u/wise_perscan",
        "wise/perscanerrors": "u/wise_perscan",
        "wise/perscanlines": "u/wise_perscan",
        "wise/robustlines": "u/wise_jointstart u/wise_perscan t/joint_truth",
        "wise/smoothgains": "u/wise_perscan",
    },
}
# Before the tests of modules whose kernels run as Python.
_PLAINLY = "python: "
_FOLDERS = {
    "u": "unit",
    "d": "differential",
    "p": "property",
    "t": "truth",
    "r": "real",
    "f": "faults",
    "cli": "cli",
}


def targets(each: int) -> Iterator[Target]:
    """Give every module that is measured.

    Parameters
    ----------
    each : int
        The number of mutants of each.

    Yields
    ------
    Target
        In the order of the tables.
    """
    for group, modules in _TESTS.items():
        for module, tests in modules.items():
            names = tests.removeprefix(_PLAINLY).split()
            files = tuple(_file(name) for name in names)
            yield Target(
                group, f"photomitrus_cli/{module}.py", files, each, interpreted=tests.startswith(_PLAINLY)
            )


def _file(short: str) -> str:
    folder, _, name = short.partition("/")
    return f"{_FOLDERS[folder]}/test_{name}.py"
