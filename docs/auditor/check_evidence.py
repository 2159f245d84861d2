"""Checks a copy of a twin's evidence: check_evidence.py DIRECTORY VKEY

Needs Python 3.9 and OpenSSL 3, and shares no code with the program that wrote the evidence.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

log, vkey = pathlib.Path(sys.argv[1]), sys.argv[2].strip()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(hashes):
    """RFC 6962, section 2.1."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256()
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return sha256(b"\x01", root(hashes[:split]), root(hashes[split:]))


def number(take, length):
    return int.from_bytes(take(length), "big")


def reader(data):
    position = 0

    def take(length):
        nonlocal position
        part = data[position : position + length]
        assert len(part) == length, "a file ends too early"
        position += length
        return part

    return take, lambda: position < len(data)


def bundle(n, width):
    """C2SP tlog-tiles: the number in groups of three digits, all but the last after an x."""
    digits = f"{n:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return log / "tile/entries" / (path if width == 256 else f"{path}.p/{width}")


def check_intent(event):
    """What was confirmed is the plan, by everybody who had to, and each of them was shown it."""
    plan = json.dumps(event["plan"], separators=(",", ":"), ensure_ascii=False)
    digest = sha256(plan.encode()).hex()
    assert digest == event["plan_digest"], f"the plan of record {index} is not what was confirmed"
    yeses, needed = event["confirmations"], {"own": 1, "another": 2, "two": 3}
    by = [yes["by"] for yes in yeses]
    assert by[0] == event["asked"]["by"]["user"], f"record {index}: not the requester's yes"
    enough = len(set(by)) == len(by) >= needed[event["plan"]["approval"]]
    assert enough, f"record {index}: somebody's yes is missing"
    for yes in yeses:
        assert yes["typed"] or not event["plan"]["type_back"], f"record {index}: not typed"
        prompt = event["request"], digest, yes["by"], yes["chat"], yes["prompt"]
        known = prompt in shown or event["request"] in forgotten
        assert known, f"record {index}: a yes to what was not shown"


# The signature on the tree's head (C2SP signed note).
origin, key_id, key = vkey.split("+", 2)
key = base64.b64decode(key)
assert key[0] == 1, "not an Ed25519 key"
assert sha256(origin.encode(), b"\n", key)[:4].hex() == key_id, "the key's id is not its own"
text, signatures = (log / "checkpoint").read_text().split("\n\n", 1)
text += "\n"
signature = next(
    base64.b64decode(line.rsplit(" ", 1)[1])
    for line in signatures.splitlines()
    if line.startswith(f"\u2014 {origin} ")
)
assert signature[:4].hex() == key_id, "signed with another key"
with tempfile.TemporaryDirectory() as place:
    place = pathlib.Path(place)
    (place / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + key[1:])
    (place / "text").write_text(text)
    (place / "signature").write_bytes(signature[4:])
    subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin"]
        + ["-inkey", place / "key", "-in", place / "text", "-sigfile", place / "signature"],
        check=True,
    )

# The leaves, and the tree over them.
name, size, head = text.splitlines()[:3]
assert name == origin, "the checkpoint is of another log"
size, leaves = int(size), []
for n in range(-(-size // 256)):
    take, more = reader(bundle(n, min(256, size - 256 * n)).read_bytes())
    while more():
        leaves.append(take(number(take, 2)))
assert len(leaves) == size, "leaves are missing"
assert root([sha256(b"\x00", leaf) for leaf in leaves]) == base64.b64decode(head), "another tree"

# Every record, held against its leaf.
index, empty, erased = 0, set(), set()
shown, asked_for, forgotten = set(), {}, set()
for segment in sorted((log / "records").glob("*.seg")):
    take, more = reader(segment.read_bytes())
    while more():
        assert take(8) == b"subtwin1" and number(take, 8) == index, "a batch is out of place"
        count, _length, _check = number(take, 4), take(4), take(32)
        for _ in range(count):
            leaf_length, record_length = number(take, 2), number(take, 4)
            leaf, record = take(leaf_length), take(record_length)
            assert index >= size or leaf == leaves[index], f"leaf {index} is another one"
            if not any(record):
                empty.add(index)
                forgotten.add(json.loads(leaf).get("request"))
            else:
                kept = sha256(record).hex() == json.loads(leaf)["commitment"]
                assert kept, f"record {index} is not what was recorded"
                event = json.loads(record[32:])
                assert event["schema"] == "subtwin.audit-record/2", "another version of the shape"
                event = event["event"]
                if event["kind"] == "proposed" and not event["dry_run"]:
                    whom = event["shown_to"], event["shown_in"], event["prompt"]
                    shown.add((event["request"], event["plan_digest"], *whom))
                if event["kind"] == "intent":
                    check_intent(event)
                    asked_for[event["request"]] = len(event["plan"]["parts"])
                if event["kind"] == "outcome" and event["request"] in asked_for:
                    ends = len(event["outcomes"])
                    assert ends == asked_for.pop(event["request"]), f"record {index} lacks a part"
                if event["kind"] == "erased":
                    for leaves_gone in event["leaves"]:
                        erased.update(range(leaves_gone["first"], leaves_gone["last"] + 1))
            index += 1
assert index >= size, "records are missing"
assert empty <= erased, f"emptied without a record of it: {sorted(empty - erased)}"
print(f"{index} records hold, {size} of them signed for, {len(empty)} erased")
