"""The same counts, sweeps and grids on the workers of a Dask cluster (extra ``ratiogan[dask]``)."""
