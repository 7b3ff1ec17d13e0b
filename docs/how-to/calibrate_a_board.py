"""Calibrate a board and look at the result.

    python docs/how-to/calibrate_a_board.py [bench.toml]

Without a bench file an emulated board is started and calibrated.
"""

import sys

import labctl

if __name__ == "__main__":
    with labctl.open_bench(sys.argv[1] if len(sys.argv) > 1 else None) as bench:
        print(bench.board.identity, "at", bench.board.address)
        record = labctl.calibrate(bench)
        page = labctl.write_report(bench.runs / f"{record.calibration_id}-calibration.h5")

    print(record.summary())
    taus = record.ordered.tau_membrane_ns[record.columns]
    print(f"membrane time constants from {taus.min():.0f} to {taus.max():.0f} ns")
    print("report:", page)
