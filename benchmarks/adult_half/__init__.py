"""MST on half of raw Adult: ours, dpmm's and mbi's in one run on one machine."""
