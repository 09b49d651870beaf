"""Apply a protocol of your own to predictions that were kept, without training again.

    python examples/own_protocol.py

What do the same maps say when the rim of the brain is not counted, and after a median filter?
"""

import bench

RIMLESS = bench.ProtocolCard(
    name="rimless",
    version=1,
    title="Pooled, without the rim",
    description="Foreground eroded by two pixels, maps median-filtered over 3 x 3 x 3 voxels.",
    level="pixel",
    pool="pooled",
    metrics=["ap", "auroc", "oracle_dice"],
    erosion=2,
    median=3,
)

if __name__ == "__main__":
    (record,) = bench.run("intensity", task="phantom/glioma-t2", budget="smoke")
    for protocol in ("pixel-pooled@1", RIMLESS):
        numbers = bench.apply_protocol(protocol, record)
        name = protocol if isinstance(protocol, str) else protocol.id
        values = ", ".join(f"{metric} {value:.3f}" for metric, value in numbers.metrics.items())
        print(f"{name}: {values}; chance {numbers.prevalence:.3f}")

    # The raw maps themselves, subject by subject, for what no protocol does.
    for subject in bench.read_predictions(record):
        assert subject.maps is not None  # a method without pixel scores would give none
        peak = subject.maps[subject.masks].max()
        print(f"{subject.subject}: {len(subject.maps)} images, highest pixel {peak:.2f}")
