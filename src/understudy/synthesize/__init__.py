"""Synthesizers: what learns from the curator's answers and never sees a row.

What may not happen here: reading a table, drawing noise, or keeping an exact count.
"""
