"""Standing sentences of the dossier, written once so that no page words a claim differently.

What may not happen here: "anonymous", "safe", a promise of legal compliance, or a score.
"""

from __future__ import annotations

CENTRAL_CURATOR = (
    "Central curator: one party holds the rows and runs the release. The guarantee is about what "
    "leaves the curator; it does not protect against the curator itself."
)

ADD_OR_REMOVE = (
    "Two tables are neighbours when one can be made from the other by adding or removing all "
    "rows of one unit."
)

REPLACE_ONE = (
    "Two tables are neighbours when one can be made from the other by exchanging the rows of one "
    "unit; the number of units may be known."
)

SYSTEM_ENTROPY = (
    "Noise is drawn from the operating system's entropy with discrete mechanisms on integer "
    "counts. It has no seed and cannot be repeated; a seed governs sampling and evaluation only."
)

GRADIENT_NOISE = (
    "Noise on sums of gradients is Gaussian, rounded to a fine lattice, from a cipher's stream "
    "under a key of the operating system; it is not sampled exactly."
)

NO_NOISE = (
    "None: this release was made from the rows without noise. A seed governs sampling and, where "
    "the synthesizer has one, fitting."
)

ZCDP_DEFINITION = (
    "(ε, δ)-differential privacy, obtained by composing zero-concentrated mechanisms and "
    "converting once with a numerical accountant."
)

STANDING_LIMITS = (
    (
        "Differential privacy bounds what is learned because of one unit's rows. It does not hide "
        "facts about the whole population, even where those facts let someone guess about a person."
    ),
    (
        "Units that are related (a household, a class) are protected one by one, not as a group: for "
        "a group of k units, ε is k times as large."
    ),
    (
        "The guarantee covers what is in this release. How long a computation took, how much memory "
        "it used, and errors shown on the curator's machine are outside it."
    ),
    "Everything that was declared public is not protected. Check that list first.",
    "Similarity between synthetic and real rows can raise an alarm; its absence proves nothing.",
    (
        "Smaller groups are reproduced worse: noise is the same for every cell, so a rare combination "
        "may be blurred, missing, or invented."
    ),
)

STANDING_NOT_SUPPORTED = (
    "Decisions about a single person, or looking anybody up: no synthetic row is a person.",
    "Linking to other tables row by row.",
    (
        "Confidence intervals or significance tests that treat synthetic rows as a survey of that "
        "size: they leave out the noise and come out too narrow."
    ),
    "Associations of three and more columns that were not measured together.",
    "Counting rare events exactly.",
)

SMOKE_TEST = (
    "A memorisation smoke test looks for copies. It can raise an alarm; it can never clear a "
    "release. Data that passes it can still be open to membership inference."
)

ATTACKS_CLEAR_NOTHING = (
    "An attack that finds nothing says that this attack, with this much data, found nothing: the "
    "limit of detection says how large a leak it would have seen. It bounds no other attacker; "
    "only a formal bound does."
)

HANDLE_AS_PERSONAL = "Handle as personal data"

MEASURES = {
    "tvd": ("TVD", "≤"),
    "cell_share": ("largest cell difference", "≤"),
    "interval_overlap": ("interval overlap", "≥"),
    "same_conclusion": ("same conclusion", "≥"),
    "coefficient_difference": ("coefficient difference", "≤"),
    "auc_gap": ("AUC lost", "≤"),
    "absolute": ("difference", "≤"),
    "relative": ("relative difference", "≤"),
}
"""What the measures of purposes are called, and on which side of the tolerance is good."""
