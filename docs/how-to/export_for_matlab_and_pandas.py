"""Measure one sweep, export it for MATLAB and pandas, and read it back.

python docs/how-to/export_for_matlab_and_pandas.py [bench.toml]
"""

import sys
from pathlib import Path

import pandas as pd
import xarray as xr

import labctl

if __name__ == "__main__":
    with labctl.open_bench(sys.argv[1] if len(sys.argv) > 1 else None) as bench:
        (run,) = labctl.sweep(bench, ["position"])

    data = xr.open_dataset(run, engine="h5netcdf")  # the run file itself: no export is needed for xarray
    print(data["output"].dims, "of", data.attrs["run_id"])
    print(data["output"].mean("repeat").std("column").values.round(2)[:4])
    data.close()

    target = Path("exported")
    for suffix in (".mat", ".parquet", ".csv"):
        for file in labctl.export(run, target / f"position{suffix}", overwrite=True):
            print("wrote", file)

    points = pd.read_parquet(target / "position.parquet")  # one row a point: what was swept
    outputs = pd.read_parquet(target / "position.point-repeat-column.parquet")  # one row an output
    table = outputs.merge(points, on="point")
    print(table.groupby(["swept_row", "slot"])["output"].agg(["mean", "std", "count"]).head())
