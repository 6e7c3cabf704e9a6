"""Synthesizers that are there to be beaten: independent columns."""
