"""Training in units of work: on this machine, a Dask cluster, or many nodes of Azure ML."""
