"""Wide tables of known structure: residual beside mst, privbayes and independent columns."""
