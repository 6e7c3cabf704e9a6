"""Regressions: the same model on real and on synthetic rows, coefficient by coefficient.

`design` turns a formula into columns decided on the real rows, `fitting` estimates, `agreement`
compares, `measuring` makes figures of it. Purposes use the same parts. What may not happen here:
a design decided on other rows than the real ones.
"""
