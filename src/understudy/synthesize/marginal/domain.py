"""Discrete domains: names of attributes and how many levels each has.

What may not happen here: values of levels. A level is an integer code; what it means is
`prepare`'s business.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from understudy.errors import InputError


@dataclass(frozen=True, slots=True)
class Domain:
    """An ordered set of attributes with their numbers of levels.

    Parameters
    ----------
    attributes
        Names, all different.
    shape
        Levels of each attribute, each at least 1.

    Raises
    ------
    InputError
        Names repeat, lengths differ, or an attribute has no level.

    >>> domain = Domain(("age", "sex"), (10, 2))
    >>> domain.project(("sex",)), domain.size()
    (Domain(attributes=('sex',), shape=(2,)), 20)
    """

    attributes: tuple[str, ...]
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", tuple(self.attributes))
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if len(self.attributes) != len(self.shape):
            raise InputError(
                "a domain needs one number of levels per attribute",
                attributes=len(self.attributes),
                shape=len(self.shape),
            )
        if len(set(self.attributes)) != len(self.attributes):
            raise InputError("a domain names an attribute twice")
        if any(n < 1 for n in self.shape):
            raise InputError("every attribute needs at least one level")

    @classmethod
    def of(cls, levels: Mapping[str, int]) -> Domain:
        """Domain from a mapping of name to number of levels.

        >>> Domain.of({"age": 10, "sex": 2}).shape
        (10, 2)
        """
        return cls(tuple(levels), tuple(levels.values()))

    def project(self, attributes: Iterable[str]) -> Domain:
        """Domain of these attributes, in the order given.

        >>> Domain(("a", "b", "c"), (2, 3, 4)).project(("c", "a")).shape
        (4, 2)
        """
        names = tuple(attributes)
        return Domain(names, tuple(self[name] for name in names))

    def merge(self, other: Domain) -> Domain:
        """The domain followed by the attributes only `other` has.

        >>> Domain(("a", "b"), (2, 3)).merge(Domain(("b", "c"), (3, 4))).attributes
        ('a', 'b', 'c')
        """
        for name in other.attributes:
            if name in self.attributes and self[name] != other[name]:
                raise InputError(
                    "two domains disagree on the levels of an attribute", attribute=name
                )
        return Domain(
            self.attributes + other.invert(self.attributes),
            self.shape + tuple(other[name] for name in other.invert(self.attributes)),
        )

    def invert(self, attributes: Iterable[str]) -> tuple[str, ...]:
        """Names of this domain that are not among `attributes`, in order.

        >>> Domain(("a", "b", "c"), (2, 3, 4)).invert(("b",))
        ('a', 'c')
        """
        without = set(attributes)
        return tuple(name for name in self.attributes if name not in without)

    def axes(self, attributes: Iterable[str]) -> tuple[int, ...]:
        """Positions of these attributes.

        >>> Domain(("a", "b"), (2, 3)).axes(("b", "a"))
        (1, 0)
        """
        place = {name: axis for axis, name in enumerate(self.attributes)}
        try:
            return tuple(place[name] for name in attributes)
        except KeyError as missing:
            raise InputError(
                "the domain has no such attribute", attribute=missing.args[0]
            ) from None

    def canonical(self, attributes: Iterable[str]) -> tuple[str, ...]:
        """The same set of attributes in the order of the domain.

        >>> Domain(("a", "b", "c"), (2, 3, 4)).canonical(("c", "a"))
        ('a', 'c')
        """
        return tuple(self.attributes[axis] for axis in sorted(set(self.axes(attributes))))

    def size(self, attributes: Iterable[str] | None = None) -> int:
        """Cells of the table over these attributes (all when None); 1 for none.

        >>> Domain(("a", "b"), (2, 3)).size(), Domain(("a", "b"), (2, 3)).size(())
        (6, 1)
        """
        if attributes is None:
            return math.prod(self.shape)
        return math.prod(self[name] for name in attributes)

    def contains(self, other: Domain | Iterable[str]) -> bool:
        """Whether every attribute of `other` is here.

        >>> Domain(("a", "b"), (2, 3)).contains(("b",))
        True
        """
        names = other.attributes if isinstance(other, Domain) else other
        return set(names) <= set(self.attributes)

    def __getitem__(self, name: str) -> int:
        return self.shape[self.axes((name,))[0]]

    def __contains__(self, name: object) -> bool:
        return name in self.attributes

    def __iter__(self) -> Iterator[str]:
        return iter(self.attributes)

    def __len__(self) -> int:
        return len(self.attributes)
