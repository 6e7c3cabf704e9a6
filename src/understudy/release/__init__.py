"""Evidence, bundle, manifest, signature, verification of a release.

What may not happen here: a figure computed on rows, or a page rendered. Pages come as text from
`report`, which imports this room; rows never come at all.
"""

from __future__ import annotations

from understudy.release.bundle import Draft, stage
from understudy.release.canary import Sighting, find_values
from understudy.release.charged import charges_of, label_of
from understudy.release.compared import internal_of
from understudy.release.internal import InternalEvidence
from understudy.release.keys import PublicKey, SigningKey, pinned_key, signing_key
from understudy.release.lint import Finding, lint_public
from understudy.release.public import PublicEvidence
from understudy.release.verify import FileCheck, Verification, inspect_release, verify

__all__ = [
    "Draft",
    "FileCheck",
    "Finding",
    "InternalEvidence",
    "PublicEvidence",
    "PublicKey",
    "Sighting",
    "SigningKey",
    "Verification",
    "charges_of",
    "find_values",
    "inspect_release",
    "internal_of",
    "label_of",
    "lint_public",
    "pinned_key",
    "signing_key",
    "stage",
    "verify",
]
