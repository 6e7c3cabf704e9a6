"""One way of finding nearest rows on one size, and what it took: each in a process of its own.

    python -m benchmarks.attacks.distances ours 20000 20000

Rows are Adult-like: six numbers as ranks, nine labels of two to forty levels, in clusters. Prints
JSON: processor seconds, MiB above the tables, and a checksum of the distances.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import numpy as np

NUMBERS = 6
LEVELS = (9, 16, 7, 15, 6, 5, 2, 42, 2)


def rows_of(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ranks and labels of people who fall into types."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 200, rows)
    centre = np.random.default_rng(0).random((200, NUMBERS))
    ranks = np.clip(centre[kind] + 0.15 * rng.normal(size=(rows, NUMBERS)), 0, 1)
    usual = np.stack([np.random.default_rng(at).integers(0, k, 200) for at, k in enumerate(LEVELS)])
    labels = usual[:, kind].T.copy()
    other = rng.random(labels.shape) < 0.25
    labels[other] = (rng.random(labels.shape) * np.array(LEVELS)).astype(int)[other]
    return ranks.astype(np.float32), labels.astype(np.int32)


def ours(queries: Any, table: Any) -> np.ndarray:
    """What the attacks use."""
    from understudy.attack.distance import Points
    from understudy.attack.neighbours import closest

    one = Points(ranks=queries[0], labels=queries[1])
    other = Points(ranks=table[0], labels=table[1])
    return closest(one, other)[0][:, 0]


def plain(queries: Any, table: Any) -> np.ndarray:
    """The formula on blocks of whole arrays, as it is usually written with NumPy."""
    found = np.empty(len(queries[0]), dtype=np.float32)
    step = max(1, (1 << 24) // (len(table[0]) * len(LEVELS)))
    for start in range(0, len(found), step):
        part = slice(start, start + step)
        gap = np.abs(queries[0][part, None] - table[0][None]).sum(axis=2)
        gap += (queries[1][part, None] != table[1][None]).sum(axis=2)
        found[part] = gap.min(axis=1) / (NUMBERS + len(LEVELS))
    return found


def ball_tree(queries: Any, table: Any) -> np.ndarray:
    """scikit-learn's ball tree on an embedding with the same distances (halves of indicators)."""
    from sklearn.neighbors import BallTree

    def embedded(rows: Any) -> np.ndarray:
        parts = [rows[0]]
        for at, levels in enumerate(LEVELS):
            parts.append(0.5 * (rows[1][:, at, None] == np.arange(levels)))
        return np.concatenate(parts, axis=1).astype(np.float32)

    tree = BallTree(embedded(table), metric="manhattan")
    return tree.query(embedded(queries), k=1)[0][:, 0] / (NUMBERS + len(LEVELS))


WAYS = {"ours": ours, "plain": plain, "ball_tree": ball_tree}


def main(way: str, queries: int, table: int) -> None:
    """Measure and print."""
    one, other = rows_of(queries, 1), rows_of(table, 2)
    WAYS[way](rows_of(50, 3), rows_of(50, 4))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    found = WAYS[way](one, other)
    seconds = time.process_time() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        json.dumps(
            {"way": way, "queries": queries, "table": table, "seconds": round(seconds, 3),
             "mib": round(grown / 1024, 1), "checksum": round(float(found.sum()), 3)}
        )
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
