"""Train a keyword network on the ordered model and compare the board with its counterparts.

python docs/how-to/compare_a_network.py [bench.toml] [corpus size: full, small or tiny]
"""

import sys

import labctl

if __name__ == "__main__":
    bench_file, size = [*sys.argv[1:], None, "small"][:2] if len(sys.argv) < 3 else sys.argv[1:3]
    speech = labctl.prepare_speech(size=size or "small")

    with labctl.open_bench(bench_file) as bench:
        record = labctl.calibrate(bench)
        (network,) = labctl.train(["ordered"], speech, record, folder=bench.runs)
        comparison = labctl.compare(bench, network.path, calibration=record, test=speech.test)
        page = labctl.write_report(comparison.path)

    for target, found in comparison.evaluations.items():
        print(f"{target:10} accuracy {found.accuracy}  agrees with the board {found.agreement.value:.3f}")
    for layer in comparison.residuals:
        ordered, unordered = layer.splits["ordered"], layer.splits["unordered"]
        print(f"layer {layer.layer}: residual ordered {ordered.total:.2f}, unordered {unordered.total:.2f} codes")
    print("report:", page)
