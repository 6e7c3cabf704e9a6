"""AIM beside its public implementations: same workload, same size limit, one run, one machine."""
