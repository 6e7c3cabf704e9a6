"""What a single cell looks like, and how it is read and written; pure functions on cells.

A CSV has no types. The curator counts, with noise, how many cells of a column fall in each class
of a fixed public list (`classes`); from those counts alone `prepare.kinds` decides what the
column is; a `Reading` then turns its cells into numbers on a line and back.

What may not happen here: a class list, a pattern or a format that depends on the cells; state
kept between calls; an exception that a cell can cause. Only the curator calls these functions on
sensitive cells.
"""
