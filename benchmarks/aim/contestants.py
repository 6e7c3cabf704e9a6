"""Who takes part, all on the same codes with the same workload and the same size limit."""

from __future__ import annotations

from benchmarks.adult_half.contestants import DPMM, MBI, OPENDP
from benchmarks.contestant import Contestant

MEGABYTES = 4.0

CONTESTANTS = (
    Contestant(
        name="ours-aim",
        title="Understudy AIM",
        driver="ours.py",
        given="codes",
        synthesizer="aim",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="ours-mst",
        title="Understudy MST",
        driver="ours.py",
        given="codes",
        synthesizer="mst",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="opendp",
        title="OpenDP dp.mbi AIM",
        driver="peer_opendp.py",
        requirements=OPENDP,
        environment="opendp",
        given="codes",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="mbi",
        title="AIM on mbi",
        driver="peer_mbi_aim.py",
        requirements=MBI,
        environment="mbi",
        given="codes",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="dpmm",
        title="dpmm AIM",
        driver="peer_dpmm.py",
        requirements=DPMM,
        environment="dpmm",
        given="codes",
        synthesizer="aim",
        megabytes=MEGABYTES,
    ),
)
TITLES = {contestant.name: contestant.title for contestant in CONTESTANTS}
