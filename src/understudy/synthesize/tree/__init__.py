"""Synthesizers made of trees: they look at the rows themselves and promise no privacy."""
