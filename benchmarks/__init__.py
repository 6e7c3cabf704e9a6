"""Measurements that place Understudy beside its peers; nothing here is part of the package."""
