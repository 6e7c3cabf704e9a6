"""The door between sensitive rows and everything that learns from them.

`protocol` is the door itself, `questions` what may be asked, `encodings` how a cell becomes a
code, and one module per place where rows can live (`memory`, `stream`,
`database`).
"""

from understudy.curator.database import DatabaseCurator
from understudy.curator.encodings import (
    CellClasses,
    Encoding,
    LabelCells,
    Merged,
    NumberCells,
)
from understudy.curator.memory import MemoryCurator
from understudy.curator.protocol import Curator
from understudy.curator.questions import Candidate, Choose, Count, Discover, Distinct, Found
from understudy.curator.stream import StreamCurator

__all__ = [
    "Candidate",
    "CellClasses",
    "Choose",
    "Count",
    "Curator",
    "DatabaseCurator",
    "Discover",
    "Distinct",
    "Encoding",
    "Found",
    "LabelCells",
    "MemoryCurator",
    "Merged",
    "NumberCells",
    "StreamCurator",
]
