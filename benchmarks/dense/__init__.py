"""Densely correlated tables: margnet beside aim, residual and mst, on the same codes."""
