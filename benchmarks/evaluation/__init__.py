"""How long an evaluation takes: beside SDMetrics, as a whole on Adult, and as rows grow."""
