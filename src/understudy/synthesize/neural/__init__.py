"""Synthesizers that are networks; they need the extra `[neural]`, which brings PyTorch.

What may not happen here: rows by any other way than `curator.batches`, a network whose gradient
of one row depends on another row, a file that has to be unpickled. Sampling needs NumPy alone.
"""
