"""Exact nearest rows of mixed tables: ours, a plain formula and a ball tree, as rows grow."""
