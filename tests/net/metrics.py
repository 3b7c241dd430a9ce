"""Checks /metrics (Prometheus text 0.0.4) on standard input as `promtool check metrics` does.

metrics.py [NAME=LEAST...]: and that the sum over the samples of each NAME is at least that.
"""

import re
import sys

SAMPLE = re.compile(r'([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
BOUNDED = {"worker", "stage", "reason", "counter", "kind", "leg", "le", "version"}
NO_BASE_UNIT = re.compile(r"(^|_)((milli|micro|nano|kilo)[a-z]+|ms|us|ns|minutes|hours|kb|mb|bits|percent)(_|$)")


def labels_of(text):
    found = LABEL.findall(text or "")
    rest = LABEL.sub("", text or "")
    assert not rest, f"labels: {text!r}"
    assert len({name for name, _ in found}) == len(found), f"a label twice: {text!r}"
    assert {name for name, _ in found} <= BOUNDED, f"a label that may grow without bound: {text!r}"
    return dict(found)


def family_of(name, types):
    for end in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(end)
        if base != name and types.get(base) == "histogram":
            return base
    return name


def check_name(name, kind):
    assert name.startswith("headrace_"), name
    assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
    assert kind == "histogram" or not name.endswith(("_bucket", "_count", "_sum")), name
    assert not NO_BASE_UNIT.search(name), f"{name}: no base unit"


def parse(text):
    """{(name, labels): value} and {family: type}; every rule of the format is asserted."""
    types, helps, samples, order = {}, {}, {}, []
    assert text.endswith("\n"), "no newline at the end"
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
            assert name not in helps and words, f"HELP of {name}"
            helps[name] = words
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helps and name not in types, f"TYPE of {name}"
            check_name(name, kind)
            types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"neither sample nor comment: {line!r}"
            family = family_of(match[1], types)
            assert family in types, f"{match[1]} is not described"
            if not order or order[-1] != family:
                assert family not in order, f"the lines of {family} are not together"
                order.append(family)
            key = match[1], tuple(sorted(labels_of(match[2]).items()))
            assert key not in samples, f"twice: {line!r}"
            samples[key] = float(match[3])
    return samples, types


def check_histogram(name, samples):
    series = {}
    for (sample, labels), value in samples.items():
        if sample == f"{name}_bucket":
            leg = tuple(pair for pair in labels if pair[0] != "le")
            series.setdefault(leg, []).append((float(dict(labels)["le"]), value))
    for leg, buckets in series.items():
        bounds, counts = zip(*buckets)
        assert list(bounds) == sorted(set(bounds)) and bounds[-1] == float("inf"), f"{name}: {bounds}"
        assert list(counts) == sorted(counts), f"{name}: {counts}"
        assert counts[-1] == samples[f"{name}_count", leg], f"{name}{leg}: count"
        assert samples[f"{name}_sum", leg] >= 0, f"{name}{leg}: sum"


def main():
    samples, types = parse(sys.stdin.read())
    for name, kind in types.items():
        if kind == "histogram":
            check_histogram(name, samples)
    sums = {}
    for (name, labels), value in samples.items():
        for key in [name] + [f"{name}/{text}" for _, text in labels]:
            sums[key] = sums.get(key, 0) + value
    for wish in sys.argv[1:]:
        name, least = wish.split("=")
        got = sums.get(f"headrace_{name}", 0)
        assert got >= float(least), f"headrace_{name} is {got}, not {least} or more"
    print(f"metrics: {len(types)} metrics in {len(samples)} samples are right; {' '.join(sys.argv[1:])}")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"metrics: {error}")
