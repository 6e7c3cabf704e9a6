"""Record/replay, for tests: what `understudy.audit.replay` does, under its usual name here."""

from understudy.audit.replay import (
    SAME,
    Asked,
    Fit,
    Recording,
    Verdict,
    change_of,
    digest_of,
    record,
    replay,
    replay_all,
)

__all__ = [
    "SAME",
    "Asked",
    "Fit",
    "Recording",
    "Verdict",
    "change_of",
    "digest_of",
    "record",
    "replay",
    "replay_all",
]
