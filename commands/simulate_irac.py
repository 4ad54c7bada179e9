"""`astromap simulate irac`."""

from __future__ import annotations

from pathlib import Path

import click

from photomitrus_cli.options import common_options, config_options, settings_of

_KEY = "irac.simulate"
_set = settings_of(_KEY)


@click.command("irac")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@_set("--seed", help="Seed of all random numbers.", type=int)
@_set("--channel", help="IRAC channel.", type=click.IntRange(1, 4))
@_set("--mission", help="Mission phase.", type=["cryo", "warm"])
@_set("--sip", help="Distortion model.", type=["cryo", "warm"])
@_set("--readmode", help="Frames (full) or cubes of the subarray (sub).", type=["full", "sub"])
@_set("--aors", key="n_aors", help="Number of AORs.", type=int)
@_set("--dithers", key="dithers_per_aor", help="Positions of each AOR.", type=int)
@_set("--field-size", key="field_size_arcmin", help="Side of the field (arcmin).", type=float)
@_set("--pointing-rms", key="pointing_rms_arcsec", help="Error of the header positions (arcsec).", type=float)
@click.option("--overwrite", is_flag=True, help="Write into a folder that holds frames already.")
@config_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, out: Path, *, overwrite: bool, **_: object) -> None:
    """Simulate an IRAC field in the folder OUT, as the archive would deliver it, with its truth.

    OUT gets r<AORKEY>/ch<N>/bcd/SPITZER_I<N>_..._{cbcd,cbunc,bimsk,brmsk}.fits (of the subarray bcd, bunc and
    bimsk) and truth/ with the true sources, their place on every frame, the offsets of the frames and the
    noise-free sky. Equal seeds give equal frames.
    """
    from photomitrus_cli.launch import session
    from photomitrus_cli.simulate.irac import plan_field, simulate_field

    with session(ctx) as (config, progress):
        simulation = config.irac.simulate
        with progress.task("frames", len(plan_field(simulation))) as advance:
            field = simulate_field(simulation, out, on_frame=lambda _name: advance(), overwrite=overwrite)
    click.echo(f"simulated {field.n_frames} frames in {out}")
    for name, path in sorted(field.truth.items()):
        click.echo(f"  truth: {name}: {path}")
