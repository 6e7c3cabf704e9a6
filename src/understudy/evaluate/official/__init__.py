"""What a statistical office publishes: means, totals, quantiles, cross-tables, intervals that cover.

Regressions have a room of their own beside this one. What may not happen here: an estimate without
its standard error.
"""
