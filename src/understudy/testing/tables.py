"""Small generated tables, for tests: those of `understudy.audit.invented`."""

from understudy.audit.invented import Example, example_tables, survey, typed, visits

__all__ = ["Example", "example_tables", "survey", "typed", "visits"]
