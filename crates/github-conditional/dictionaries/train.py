"""Trains a dictionary for stored entries on the examples in GitHub's OpenAPI description (MIT).

    train.py api.github.com.deref.json entry-N.zdict

The description is the file `generated/api.github.com.deref.json` of the npm package `@octokit/openapi`, which
`cargo xtask tools` puts under target/tools/openapi. The `zstd` command does the training; its versions may choose other
bytes. A dictionary that was released is never changed: a better one gets the next number.

entry-1.zdict: description 23.0.2 (431 examples, 990308 bytes), zstd 1.5.4.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

MAX_BYTES = 32 * 1024


def examples(description):
    """The distinct answers to GET, in the bytes in which GitHub would send them."""
    found = {}
    for _, operations in sorted(description["paths"].items()):
        answer = operations.get("get", {}).get("responses", {}).get("200", {})
        content = answer.get("content", {}).get("application/json", {})
        named = sorted((content.get("examples") or {}).items())
        for value in [example.get("value") for _, example in named] + [content.get("example")]:
            if value:
                found[json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()] = None
    return list(found)


def main(description, out):
    with open(description, encoding="utf-8") as file:
        samples = examples(json.load(file))
    print(len(samples), "examples,", sum(map(len, samples)), "bytes")
    with tempfile.TemporaryDirectory() as folder:
        for number, sample in enumerate(samples):
            pathlib.Path(folder, f"{number:04}.json").write_bytes(sample)
        command = ["zstd", "--train", "-r", folder, "-1", f"--maxdict={MAX_BYTES}", "-f", "-o", out]
        subprocess.run(command, check=True)


main(*sys.argv[1:])
