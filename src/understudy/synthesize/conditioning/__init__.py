"""Questions to a fitted model: conditions, given values, other shares, tables with error bars.

All of it is post-processing of what was paid for, so it costs no privacy budget. What may not
happen here: a curator, a sensitive table, noise for privacy.
"""
