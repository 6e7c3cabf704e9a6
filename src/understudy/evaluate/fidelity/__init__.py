"""How alike the tables look: single columns, pairs of columns, k-way marginals, their worst cells.

What may not happen here: a model that learns to predict or to tell tables apart.
"""
