"""Prints what a dictionary does to answers: one line for each range of lengths.

    measure.py entry-N.zdict folder-of-answers

Needs the Python package `zstandard`. Times are processor time in microseconds per answer, the best of five rounds.
"""

import pathlib
import sys
import time

import zstandard

# The level of cache-backends/src/dictionary.rs.
LEVEL = 1
FROM_BYTES = [0, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 40]


def microseconds(work, values):
    def one_round():
        began = time.process_time()
        for value in values:
            work(value)
        return (time.process_time() - began) / len(values) * 1e6

    return min(one_round() for _ in range(5))


def main(dictionary, folder):
    dictionary = zstandard.ZstdCompressionDict(pathlib.Path(dictionary).read_bytes())
    dictionary.precompute_compress(level=LEVEL)
    without = zstandard.ZstdCompressor(level=LEVEL), zstandard.ZstdDecompressor()
    with_it = (
        zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary),
        zstandard.ZstdDecompressor(dict_data=dictionary),
    )
    answers = [path.read_bytes() for path in pathlib.Path(folder).iterdir()]
    print("| from | answers | bytes, mean | zstd | with dictionary | in | with dictionary | out | with dictionary |")
    for start, end in zip(FROM_BYTES, FROM_BYTES[1:]):
        chosen = [answer for answer in answers if start <= len(answer) < end]
        if not chosen:
            continue
        mean = lambda values: sum(map(len, values)) // len(values)
        sizes, packing, unpacking = [mean(chosen)], [], []
        for compressor, decompressor in (without, with_it):
            packed = [compressor.compress(answer) for answer in chosen]
            sizes.append(mean(packed))
            packing.append(microseconds(compressor.compress, chosen))
            unpacking.append(microseconds(decompressor.decompress, packed))
        times = [f"{each:.0f}" for each in packing + unpacking]
        print("|", " | ".join([str(start), str(len(chosen)), *map(str, sizes), *times]), "|")


main(*sys.argv[1:])
